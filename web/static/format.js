// Times and numbers as people read them, in the browser's language.

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const dayThisYear = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayOtherYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const short = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const bytes = new TextEncoder();

/** millis reads a time of the protocol: RFC 3339, or microseconds since 1970. */
export function millis(at) {
  if (typeof at === "number") return at / 1000;
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? 0 : ms;
}

export const timeOf = (ms) => clock.format(ms);
export const fullTime = (ms) => full.format(ms);
export const dateOf = (ms) => date.format(ms);
export const dateTimeOf = (ms) => dateTime.format(ms);

/** ago tells how long since, in the largest unit that fits: "12 min ago". */
export function ago(ms, now = Date.now()) {
  const minutes = Math.round((ms - now) / 60_000);
  if (minutes >= 0) return short.format(0, "second");
  if (minutes > -60) return short.format(minutes, "minute");
  if (minutes > -24 * 60) return short.format(Math.round(minutes / 60), "hour");
  return short.format(Math.round(minutes / 60 / 24), "day");
}

/** dayKey is the same for two times of one local day. */
export function dayKey(ms) {
  const d = new Date(ms);
  return `${d.getFullYear()}-${d.getMonth()}-${d.getDate()}`;
}

/** dayName is "today", "yesterday" or a date. */
export function dayName(ms, now = Date.now()) {
  const start = (t) => new Date(t).setHours(0, 0, 0, 0);
  const days = Math.round((start(ms) - start(now)) / 86_400_000);
  if (days === 0 || days === -1) {
    const word = relative.format(days, "day");
    return word.charAt(0).toLocaleUpperCase() + word.slice(1);
  }
  const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? dayThisYear : dayOtherYear).format(ms);
}

/** characters counts code points, as the server does. */
export function characters(text) {
  let n = 0;
  for (const _ of text) n++;
  return n;
}

/** byteLength is the size of a text in UTF-8. */
export const byteLength = (text) => bytes.encode(text).length;

/** badge shortens a count for a small pill. */
export const badge = (n) => (n > 99 ? "99+" : String(n));

/** newID makes a random id of 26 characters that the protocol accepts. */
export function newID() {
  const abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  return Array.from(crypto.getRandomValues(new Uint8Array(26)), (b) => abc[b & 31]).join("");
}
