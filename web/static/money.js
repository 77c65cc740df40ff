// Amounts of money: integers in the minor unit of their currency, shown as the
// browser's language writes them.

// How many digits the minor unit has, where it is not 2 (ISO 4217). Intl cannot
// be asked: for a dozen currencies, the forint among them, it tells how many
// digits people write, and an amount would be a hundred times too high.
const DIGITS = Object.fromEntries([
  ..."BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(" ").map((code) => [code, 0]),
  ..."BHD IQD JOD KWD LYD OMR TND".split(" ").map((code) => [code, 3]),
]);

const formats = new Map(); // by currency; there are fewer than 200

function format(currency, digits) {
  let f = formats.get(currency);
  if (!f) {
    try {
      f = new Intl.NumberFormat(undefined, { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits });
    } catch {
      // No code of three letters.
      f = { format: (n) => `${n} ${currency}` };
    }
    if (formats.size < 500) formats.set(currency, f);
  }
  return f;
}

/** money writes an amount exactly: money(1250, "EUR") is "€12.50". */
export function money(minor, currency) {
  const digits = DIGITS[currency] ?? 2;
  const text = String(Math.abs(minor)).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits);
  return format(currency, digits).format(`${minor < 0 ? "-" : ""}${whole}${digits ? `.${text.slice(-digits)}` : ""}`);
}
