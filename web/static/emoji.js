// The emoji that can be written as :name:, the ones people use most.

export const EMOJI_NAMES = {
  "+1": "👍", "-1": "👎", heart: "❤️", joy: "😂", smile: "😄", grin: "😁", laughing: "😆", slight_smile: "🙂", wink: "😉",
  blush: "😊", thinking: "🤔", neutral: "😐", confused: "😕", sad: "😢", cry: "😭", angry: "😠", scream: "😱", sweat: "😅",
  upside_down: "🙃", sunglasses: "😎", sleeping: "😴", hug: "🤗", shrug: "🤷", facepalm: "🤦", clap: "👏", pray: "🙏",
  wave: "👋", muscle: "💪", ok_hand: "👌", raised_hands: "🙌", point_up: "☝️", eyes: "👀", brain: "🧠", tada: "🎉",
  party: "🥳", fire: "🔥", rocket: "🚀", star: "⭐", sparkles: "✨", bulb: "💡", check: "✅", cross: "❌", warning: "⚠️",
  question: "❓", exclamation: "❗", bug: "🐛", wrench: "🔧", hammer: "🔨", gear: "⚙️", lock: "🔒", key: "🔑", mag: "🔍",
  memo: "📝", book: "📖", calendar: "📅", clock: "🕐", hourglass: "⏳", chart: "📈", package: "📦", mailbox: "📬",
  coffee: "☕", tea: "🍵", cake: "🎂", pizza: "🍕", apple: "🍎", beer: "🍺", sun: "☀️", rain: "🌧️", snow: "❄️",
  rainbow: "🌈", tree: "🌳", cat: "🐱", dog: "🐶", turtle: "🐢", hundred: "💯", zap: "⚡", boom: "💥", bell: "🔔",
  pin: "📌", link: "🔗", gift: "🎁", trophy: "🏆", ghost: "👻", robot: "🤖", snail: "🐌",
};
