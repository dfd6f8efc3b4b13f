/* The room's lines: one a gift, one a combo, however often it arrives; the newest last.

   Text alone is written, into a copy of the line that the server drew in [data-room-line]. No more than LINES_MAX are
   kept. Where gifts come faster than anybody reads, and words between them would be gone, lines follow each other
   every CALM_MS: of those that wait, equal gifts become one line that counts them all, and what came to most is
   next. None is lost. */

import { eachFrame, number, picture, times } from "./art.js";
import { wear } from "./badges.js";

const LINES_MAX = 120;
const AT_ONCE = 6;
const CALM_MS = 250;

export function start(room, stream) {
  const list = room.querySelector("[data-room-chat]");
  const blank = room.querySelector("[data-room-line]");
  if (!list || !blank) return;
  const senders = new WeakMap(); // who is in a line; whoever hid their name counts each time
  const known = new Map(); // a sending's or a streak's id, and its line
  let fresh = []; // lines that wait, the first first
  let places = AT_ONCE;
  let looked = performance.now();
  let timer = 0;

  for (const line of list.querySelectorAll("[data-sending]")) know(line);

  function know(line) {
    known.set(line.dataset.sending, line);
    if (line.dataset.streak) known.set(line.dataset.streak, line);
  }

  function forget(line) {
    for (const id of [line.dataset.sending, line.dataset.streak]) if (id) known.set(id, null); // it was shown
    line.remove();
  }

  function look() {
    const at = performance.now();
    places = Math.min(AT_ONCE, places + (at - looked) / CALM_MS);
    looked = at;
  }

  const draw = eachFrame(() => {
    look();
    const next = new Set(fresh.toSorted((one, other) => other.dataset.coins - one.dataset.coins).slice(0, Math.floor(places)));
    list.append(...fresh.filter((line) => next.has(line)));
    fresh = fresh.filter((line) => !next.has(line));
    places -= next.size;
    if (fresh.length) timer ||= setTimeout(later, CALM_MS);
    const lines = list.querySelectorAll("[data-sending]");
    for (const old of Array.from(lines).slice(0, Math.max(0, lines.length - LINES_MAX))) forget(old);
  });

  function later() {
    timer = 0;
    draw();
  }

  /* The line that waits for others of the same gift, where more wait than there is room for. A combo has its own. */
  function equal(gift) {
    look();
    if (gift.streak_id || fresh.length < Math.floor(places)) return undefined;
    return fresh.find((line) => !line.dataset.streak && line.dataset.slug === gift.slug && (line.dataset.art ?? "") === (gift.art ?? ""));
  }

  function join(line, gift) {
    known.set(gift.sending_id, null);
    const people = senders.get(line);
    people.add(gift.sender_handle || gift.sending_id);
    if (people.size > 1) {
      line.querySelector("[data-others]").textContent = ` and ${number.format(people.size - 1)} ${people.size === 2 ? "other" : "others"}`;
      line.querySelector("[data-worn]").hidden = true;
    }
    count(line, Number(line.dataset.count) + gift.quantity, Number(line.dataset.coins) + gift.coins);
  }

  function write(gift) {
    const line = blank.content.firstElementChild.cloneNode(true);
    line.dataset.sending = gift.sending_id;
    line.dataset.slug = gift.slug;
    if (gift.art) line.dataset.art = gift.art;
    if (gift.streak_id) line.dataset.streak = gift.streak_id;
    line.querySelector(".gift-art").replaceWith(picture(room, gift.slug, gift.art));
    line.querySelector("[data-sender]").textContent = gift.sender;
    line.querySelector("[data-gift]").textContent = gift.gift;
    wear(line.querySelector("[data-worn]"), gift);
    senders.set(line, new Set([gift.sender_handle || gift.sending_id]));
    know(line);
    return line;
  }

  function count(line, quantity, coins) {
    if (Number(line.dataset.count) >= quantity) return;
    line.dataset.count = quantity;
    line.dataset.coins = coins;
    const words = line.querySelector(".chat-count");
    words.textContent = times(quantity);
    words.hidden = quantity < 2;
    line.querySelector("[data-amount]").textContent = number.format(coins);
    line.querySelector("[data-unit]").textContent = coins === 1 ? " coin" : " coins";
  }

  stream.on("gift.sent", (gift) => {
    if (gift.words) return; // chat.js shows it as what was said
    const growing = gift.streak_id ? known.get(gift.streak_id) : undefined;
    if (growing === null || known.has(gift.sending_id)) {
      if (growing) count(growing, gift.streak_quantity, gift.streak_coins);
      return;
    }
    const other = growing ? undefined : equal(gift);
    if (other) return join(other, gift);
    const line = growing ?? write(gift);
    count(line, gift.streak_quantity ?? gift.quantity, gift.streak_coins ?? gift.coins);
    if (growing) return;
    fresh.push(line);
    if (fresh.length > LINES_MAX) forget(fresh.shift());
    if (!timer) draw();
  });

  stream.on("streak.ended", (streak) => {
    const line = known.get(streak.streak_id);
    if (line) count(line, streak.quantity, streak.coins);
  });

  /* A video has no stream: what its answer to a send tells is heard as if it had one. */
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    if (event.detail.target !== list) return;
    for (const line of event.detail.fragment.querySelectorAll("[data-sending]")) {
      line.remove();
      const gift = read(line);
      const shown = known.get(gift.streak_id || gift.sending_id);
      if (shown === undefined || (shown && gift.quantity > Number(shown.dataset.count))) stream.tell("gift.sent", gift);
    }
  });
}

function read(line) {
  const { sending, streak, slug, art, category, ms, handle, count } = line.dataset;
  const quantity = Number(count);
  const coins = Number(line.querySelector("[data-amount]").textContent.replace(/\D/g, ""));
  const sum = streak ? { streak_id: streak, streak_quantity: quantity, streak_coins: coins } : {};
  const text = (hook) => line.querySelector(hook).textContent;
  const who = { sender: text("[data-sender]"), sender_handle: handle };
  return { sending_id: sending, ...who, gift: text("[data-gift]"), slug, art, category, animation_ms: Number(ms), quantity, coins, ...sum };
}
