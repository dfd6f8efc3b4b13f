/* Combos: tapping Send again, or holding it, sends a streakable gift again and again.

   Taps are collected and sent as one tick at most every TICK_MS, one after another, each with an id of its own that is
   kept until its answer arrives: a lost answer is asked for again and sent once. All ticks of a combo carry its streak
   id, made here. What is charged is the sum of the ticks; the server tells everyone the total when the combo ends.
   A combo that the server has ended meanwhile goes on as a new one. It never passes the coins from which the page
   asks first without letting go.

   [data-combo-form]   the hidden form that carries a tick      .gift-send > .combo   how far the combo has come */

import { element, times } from "./art.js";
import { balanceOf, chosen, hop, isAnswer, newId, sayChosen, sayUnanswered } from "./sending.js";

const TICK_MS = 800;
const HOLD_MS = 400;
const REPEAT_MS = 200;
const QUIET_MS = 1800; // after the last tick the combo is over; the server waits 3 s
const TICK_MAX = 999;
const LATE_MAX = 3;
const RETRY_MS_MAX = 8000;

export function start(room) {
  const combos = []; // the oldest first; the last one takes the taps
  let tick = null; // the one that is on its way
  let sentAt = -Infinity;
  let timer = 0;

  const panel = () => room.querySelector("[data-gift-panel]");
  const carrier = () => room.querySelector("[data-combo-form]");
  const limit = () => Number(panel().dataset.confirmCoins);
  const current = () => combos.at(-1);
  const coinsOf = (combo) => (combo.answered + combo.pending + (tick?.combo === combo ? tick.quantity : 0)) * combo.price;
  const unanswered = () => combos.reduce((sum, combo) => sum + combo.pending * combo.price, tick ? tick.quantity * tick.combo.price : 0);

  function isForCombo(wanted) {
    return carrier() && wanted?.isStreakable && wanted.price * wanted.quantity < limit();
  }

  /* Count a tap. False: the coins do not reach, or it is enough for one hold. */
  function tap(wanted, { isHeld = false } = {}) {
    const cost = wanted.price * wanted.quantity;
    if (unanswered() + cost > balanceOf(room)) return false;
    let combo = current();
    if (combo && (combo.gift !== wanted.gift || combo.isHidden !== wanted.isHidden || combo.isClosing || coinsOf(combo) + cost >= limit())) {
      if (isHeld && combo.gift === wanted.gift) return false;
      close(combo);
      combo = null;
    }
    if (!combo) {
      combo = { id: newId(), gift: wanted.gift, price: wanted.price, isHidden: wanted.isHidden, pending: 0, answered: 0, lates: 0, isClosing: false, quiet: 0 };
      combos.push(combo);
    }
    clearTimeout(combo.quiet);
    combo.pending += wanted.quantity;
    const art = room.querySelector(".gift-cell:has(:checked) .gift-art");
    if (art) hop(art);
    count();
    pump();
    return true;
  }

  /* The ticks, one after another */

  function pump() {
    if (tick || timer) return;
    const combo = combos.find((one) => one.pending > 0);
    if (!combo) return;
    const wait = sentAt + TICK_MS - performance.now();
    if (wait > 0) {
      timer = setTimeout(() => {
        timer = 0;
        pump();
      }, wait);
      return;
    }
    const quantity = Math.min(combo.pending, TICK_MAX);
    combo.pending -= quantity;
    tick = { combo, id: newId(), streak: combo.id, quantity, tries: 0, result: "" };
    submit();
  }

  function submit() {
    const form = carrier();
    if (!form) return drop(); // gifts were switched off meanwhile
    sentAt = performance.now();
    tick.result = "";
    form.elements.operation_id.value = tick.id;
    form.elements.streak_id.value = tick.streak;
    form.elements.gift.value = tick.combo.gift;
    form.elements.quantity.value = tick.quantity;
    form.elements.hide_name.value = tick.combo.isHidden ? "on" : "";
    form.requestSubmit();
  }

  room.addEventListener("gift:sent", (event) => event.target.matches("[data-combo-form]") && tick && (tick.result = "sent"));
  room.addEventListener("gift:late", (event) => event.target.matches("[data-combo-form]") && tick && (tick.result = "late"));
  room.addEventListener("htmx:beforeSwap", (event) => {
    if (tick?.result === "late" && event.detail.requestConfig?.elt.matches("[data-combo-form]")) event.detail.shouldSwap = false;
  });

  room.addEventListener("htmx:afterRequest", (event) => {
    if (!event.target.matches("[data-combo-form]") || !tick) return;
    if (!isAnswer(event.detail.xhr)) retry();
    else if (tick.result === "sent") take();
    else if (tick.result === "late" && tick.combo.lates < LATE_MAX) anew();
    else drop();
  });
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    room.addEventListener(name, (event) => event.target.matches("[data-combo-form]") && event.stopPropagation());
  }

  function retry() {
    release();
    tick.tries += 1;
    if (tick.tries > 1) sayUnanswered(room, "No answer came back. Trying again: whatever happened, it is sent once.");
    setTimeout(submit, Math.min(500 * 2 ** tick.tries, RETRY_MS_MAX));
  }

  function take() {
    const { combo, quantity } = tick;
    combo.answered += quantity;
    combo.lates = 0;
    tick = null;
    sayChosen(room);
    rest(combo);
    pump();
  }

  function anew() {
    const { combo, quantity } = tick;
    Object.assign(combo, { id: newId(), answered: 0, pending: combo.pending + quantity, lates: combo.lates + 1 });
    tick = null;
    pump();
  }

  /* Refused: what was meant with it is not sent either; the words say why. */
  function drop() {
    const { combo } = tick;
    release();
    tick = null;
    combo.pending = 0;
    close(combo);
    pump();
  }

  /* The end */

  function rest(combo) {
    count();
    if (combo.pending || tick?.combo === combo) return;
    clearTimeout(combo.quiet);
    if (combo.isClosing) end(combo);
    else combo.quiet = setTimeout(() => (hold.timer ? rest(combo) : end(combo)), QUIET_MS);
  }

  function close(combo) {
    combo.isClosing = true;
    rest(combo);
  }

  const endOf = (combo) => panel()?.dataset.streaks && `${panel().dataset.streaks}${combo.id}/end/`;

  function end(combo) {
    clearTimeout(combo.quiet);
    const place = combos.indexOf(combo);
    if (place < 0) return;
    combos.splice(place, 1);
    count();
    if (combo.answered && endOf(combo)) {
      fetch(endOf(combo), { method: "POST", keepalive: true, headers: { "X-CSRFToken": csrf() } }).catch(() => null);
    }
  }

  const csrf = () => room.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? "";

  addEventListener("pagehide", () => {
    for (const combo of combos) {
      const facts = new FormData();
      facts.append("csrfmiddlewaretoken", csrf());
      if (endOf(combo)) navigator.sendBeacon(endOf(combo), facts);
    }
  });

  function count() {
    const button = room.querySelector("[data-gift-form] .gift-send");
    if (!button) return;
    const combo = current();
    let counter = button.querySelector(".combo");
    if (!combo) return counter?.remove();
    if (!counter) {
      counter = element("span", "combo");
      counter.setAttribute("aria-hidden", "true");
      button.append(counter);
    }
    counter.textContent = times(coinsOf(combo) / combo.price);
  }

  /* Tapping and holding */

  const hold = { timer: 0, hasRepeated: false };

  function press() {
    if (hold.timer || !isForCombo(chosen(room))) return;
    hold.hasRepeated = false;
    hold.timer = setTimeout(repeat, HOLD_MS);
  }

  function repeat() {
    const wanted = chosen(room);
    hold.hasRepeated = true;
    hold.timer = setTimeout(repeat, REPEAT_MS);
    if (!isForCombo(wanted) || !tap(wanted, { isHeld: true })) release();
  }

  function release() {
    clearTimeout(hold.timer);
    hold.timer = 0;
    setTimeout(() => (hold.hasRepeated = false)); // after the click that a release makes
  }

  const isSend = (event) => event.target.closest?.("[data-gift-form] button.gift-send");

  room.addEventListener("pointerdown", (event) => event.button === 0 && isSend(event) && press());
  for (const name of ["pointerup", "pointercancel", "pagehide"]) addEventListener(name, release, true);
  addEventListener("blur", release); // the window's own
  document.addEventListener("visibilitychange", release);
  room.addEventListener("contextmenu", (event) => hold.timer && isSend(event) && event.preventDefault());
  room.addEventListener("keydown", (event) => {
    if (!isSend(event) || (event.key !== "Enter" && event.key !== " ")) return;
    if (event.repeat) event.preventDefault();
    else press();
  });
  room.addEventListener("keyup", (event) => isSend(event) && release());
  room.addEventListener("click", (event) => {
    if (!isSend(event) || !hold.hasRepeated) return;
    hold.hasRepeated = false;
    event.preventDefault();
    event.stopPropagation();
  }, true);

  /* A tap comes as the form's submit, whatever made it; what is no combo goes the ordinary way. */
  room.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-gift-form]")) return;
    const wanted = chosen(room);
    if (!isForCombo(wanted) || (!tap(wanted) && !unanswered())) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);

  /* Another gift is another combo. */
  room.addEventListener("change", (event) => {
    if (event.target.name === "gift" && current()) close(current());
  });
}
