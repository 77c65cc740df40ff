// Runs before the first paint, so that the chosen theme never flashes.
// A classic script on purpose: modules run after the page was shown.
(function () {
  try {
    var theme = localStorage.getItem("hubbub.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch (e) {
    // Storage is refused: the system's theme it is.
  }
})();
