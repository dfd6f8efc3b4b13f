/* The room's event stream in the browser: each number once, in order, whatever the network does.

   stream.on(name, callback)    gives every event of that name once, in order: callback(event)
   stream.on("viewers", …)      how many watch now
   stream.tell(name, event)     hears an event that came another way
   stream.reload(), spread()    loads the page again, not all at once; how many ms to wait for that
   Lost, it says so in [data-room-offline] and the browser comes back by itself, with the last number. When the
   browser has given up, or the room tells so (`closed`, `reload`), the page is loaded again: it knows everything anew. */

const LOST_MS = 1500; // shorter breaks are nobody's business
const KNOCK_MS = 2000;
const KNOCK_MS_MAX = 60_000;
const SPREAD_MS_MAX = 4000;

export function listen(room) {
  const heard = new Map();
  let source = null;
  let last = -1;
  let lost = 0;
  let isLeaving = false;

  function on(name, callback) {
    heard.set(name, [...(heard.get(name) ?? []), callback]);
  }

  function tell(name, fact) {
    for (const callback of heard.get(name) ?? []) {
      try {
        callback(fact);
      } catch (error) {
        reportError(error); // one part that fails must not silence the others
      }
    }
  }

  function hear(message) {
    for (const event of JSON.parse(message.data)) {
      if (event.number <= last) continue;
      if (last >= 0 && event.number > last + 1) return reload();
      last = event.number;
      tell(event.name, event);
    }
  }

  function sayOnline() {
    clearTimeout(lost);
    lost = 0;
    for (const notice of room.querySelectorAll("[data-room-offline]")) notice.hidden = true;
  }

  function sayOffline() {
    lost ||= setTimeout(() => {
      for (const notice of room.querySelectorAll("[data-room-offline]")) notice.hidden = false;
    }, LOST_MS);
  }

  function open() {
    const address = new URL(room.dataset.events, location.href);
    if (last < 0) last = Number(address.searchParams.get("after"));
    else address.searchParams.set("after", last);
    source = new EventSource(address);
    source.onopen = sayOnline;
    source.onmessage = hear;
    source.onerror = () => {
      sayOffline();
      if (source.readyState === EventSource.CLOSED) knock(KNOCK_MS);
    };
    source.addEventListener("viewers", (message) => tell("viewers", Number(message.data)));
    source.addEventListener("closed", reload);
    source.addEventListener("reload", reload);
  }

  /* The browser has given up: ask for the page now and then, and load it once it answers. */
  function knock(pause) {
    if (isLeaving) return;
    setTimeout(async () => {
      const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" }).catch(() => null);
      if (answer?.ok && pause >= waits()) reload();
      else knock(Math.min(2 * pause, KNOCK_MS_MAX));
    }, pause * (1 + Math.random()));
  }

  /* How long to wait at least, when loading the page again was tried just now and did not help. */
  function waits() {
    const tries = JSON.parse(sessionStorage.getItem("room:reloads") ?? "[]").filter((at) => Date.now() - at < 600_000);
    return tries.length < 2 ? 0 : Math.min(KNOCK_MS * 2 ** tries.length, KNOCK_MS_MAX);
  }

  /* Everyone in the room may be told at once: the more watch, the wider they spread. */
  let watching = 1;
  on("viewers", (count) => (watching = count));
  const spread = () => Math.random() * Math.min(SPREAD_MS_MAX, 2 * watching);

  function reload() {
    if (isLeaving) return;
    isLeaving = true;
    source?.close();
    const tries = JSON.parse(sessionStorage.getItem("room:reloads") ?? "[]");
    sessionStorage.setItem("room:reloads", JSON.stringify([...tries.slice(-9), Date.now()]));
    setTimeout(() => location.reload(), spread());
  }

  addEventListener("pagehide", () => {
    clearTimeout(lost);
    source?.close();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted && source && !isLeaving) open(); // back from the browser's memory
  });

  return { on, tell, reload, open: () => room.dataset.events && open(), spread };
}
