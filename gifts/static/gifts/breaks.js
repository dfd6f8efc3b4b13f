/* How long somebody has watched, told now and then with what they spent; the two ways on are equal.

   Time counts while the page is seen, in every room of the tab alike (sessionStorage); half an hour away, or somebody
   else signing in, begins it again. Nothing happens while another dialog is open: it waits for that.

   [data-break]   the dialog, with data-minutes (how often), data-person (whose) and data-visit-url (the sum) */

const TICK_MS = 15_000;
const AWAY_MS = 30 * 60_000;
const KEPT = "room:watched";

export function start(room) {
  const dialog = room.querySelector("[data-break]");
  const everyMs = Number(dialog?.dataset.minutes ?? 0) * 60_000;
  if (!everyMs) return;
  let seenAt = Date.now();

  function kept() {
    const found = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    const isSame = found?.person === dialog.dataset.person && Date.now() - found.at < AWAY_MS;
    return isSame ? found : { person: dialog.dataset.person, ms: 0, told: 0, at: Date.now() };
  }

  function count() {
    const now = Date.now();
    const watched = kept();
    if (!document.hidden) watched.ms += Math.min(now - seenAt, 2 * TICK_MS); // asleep, nobody watches
    seenAt = watched.at = now;
    const isDue = watched.ms - watched.told >= everyMs && !document.hidden && !document.querySelector("dialog[open]");
    if (isDue) watched.told = watched.ms;
    sessionStorage.setItem(KEPT, JSON.stringify(watched));
    if (isDue) tell(watched.ms);
  }

  async function tell(ms) {
    dialog.querySelector("[data-break-watched]").textContent = duration(ms);
    const sum = await fresh();
    if (sum) dialog.querySelector("[data-break-sum]").replaceChildren(sum);
    if (!document.querySelector("dialog[open]")) dialog.showModal();
  }

  async function fresh() {
    const answer = await fetch(dialog.dataset.visitUrl, { cache: "no-store" }).catch(() => null);
    if (!answer?.ok || answer.redirected) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-visit-sum]");
  }

  setInterval(count, TICK_MS);
  document.addEventListener("visibilitychange", () => (document.hidden ? undefined : (seenAt = Date.now())));
}

export function duration(ms) {
  const minutes = Math.round(ms / 60_000);
  const hours = Math.floor(minutes / 60);
  const parts = [];
  if (hours) parts.push(`${hours} ${hours === 1 ? "hour" : "hours"}`);
  if (minutes % 60 || !hours) parts.push(`${minutes % 60} ${minutes % 60 === 1 ? "minute" : "minutes"}`);
  return parts.join(" and ");
}
