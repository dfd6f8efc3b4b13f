/* The stage: how gifts are shown over the picture (stage.css, lane.css). Only transform and opacity move.

   Big gifts (animated, exclusive) take the whole stage one after another, for their own length and no longer. Small
   ones (hearts, classic) get a banner in the lane, with what it came to, and rise as bubbles. A combo is one entry
   that grows. All wait in line (queue.js) and none is lost. What a page that nobody looks at is sent, its lines
   have. Drawn once a frame, and no more than BUBBLES_MAX + BANNERS_MAX + 1 things at a time. */

import { eachFrame, element, number, picture, times } from "./art.js";
import { worn } from "./badges.js";
import { entryOf, makeQueue } from "./queue.js";

const BUBBLES_MAX = 24;
const BUBBLES_A_FRAME = 2;
const BUBBLES_A_GIFT = 5;
const BANNERS_MAX = 3; // on a phone, two
const LINGER_MS = 2500; // words stay to be read while nobody else waits for their place
const STREAK_MS = 1600; // a running combo keeps its place from one tick to the next
const LEAVE_MS = 200;
const BIG = new Set(["animated", "exclusive"]);
const HEAT = [1, 10, 50, 100];

export function start(room, stream) {
  const stage = room.querySelector("[data-gift-stage]");
  if (!stage) return;
  const stillness = matchMedia("(prefers-reduced-motion: reduce)");
  keepAbove(room, stage);
  const big = bigShow(room, stage, stillness);
  const lane = bannerLane(room, stage, stillness);

  stream.on("gift.sent", (gift) => {
    if (document.hidden) return;
    const entry = entryOf(gift);
    if (BIG.has(entry.category)) big.take(entry);
    else lane.take(entry, gift.quantity);
  });
  stream.on("streak.ended", (streak) => {
    big.end(streak);
    lane.end(streak);
  });
}

/* On a phone the chat stands over the picture: the lane begins where it ends. */
function keepAbove(room, stage) {
  const side = room.querySelector(".room-side");
  if (!side) return;
  new ResizeObserver(() => {
    const height = side.clientHeight - parseFloat(getComputedStyle(side).paddingTop);
    stage.style.setProperty("--below", `${Math.round(height)}px`);
  }).observe(side);
}

function words(entry) {
  const more = entry.people.size - 1;
  const sender = element("strong", "", entry.sender);
  if (more < 1) return [sender];
  return [sender, ` and ${number.format(more)} ${more === 1 ? "other" : "others"}`];
}

/* Full screen, one after another */

function bigShow(room, stage, stillness) {
  const queue = makeQueue({ joinOwnFrom: 6, joinAllFrom: 60 });
  let now = null;

  function next() {
    now?.box.remove();
    const entry = queue.next();
    now = entry ? show(entry) : null;
  }

  function show(entry) {
    const box = element("div", "gift-show");
    box.dataset.gift = entry.slug;
    box.dataset.tier = entry.category;
    box.style.setProperty("--seconds", `${entry.ms / 1000}s`);
    const count = element("span", "gift-show-count");
    const line = element("p", "gift-show-words", ...words(entry), ` sent ${entry.gift} `, count);
    box.append(element("div", "gift-show-art", picture(room, entry.slug, entry.art, { moves: !stillness.matches })), line);
    stage.append(box);
    const shown = { box, count, streak: entry.streak };
    grow(shown, entry.quantity);
    setTimeout(next, entry.ms);
    return shown;
  }

  function grow(shown, quantity) {
    if (quantity > 1) shown.count.textContent = times(quantity);
  }

  return {
    take(entry) {
      if (entry.streak && now?.streak === entry.streak) return grow(now, entry.quantity);
      const waiting = entry.streak && queue.ofStreak(entry.streak);
      if (waiting) waiting.quantity = Math.max(waiting.quantity, entry.quantity);
      else queue.push(entry);
      if (!now) next();
    },
    end({ streak_id: streak, quantity }) {
      if (now?.streak === streak) grow(now, quantity);
    },
  };
}

/* The lane of small gifts */

function bannerLane(room, stage, stillness) {
  const queue = makeQueue({ joinOwnFrom: 8, joinAllFrom: 24 });
  const lane = element("div", "gift-lane");
  const sky = element("div", "gift-sky");
  const banners = Array.from({ length: matchMedia("(width < 48rem)").matches ? BANNERS_MAX - 1 : BANNERS_MAX }, () => null);
  const ended = new Set(); // of the streaks on show or in line
  let rising = [];
  let bubbles = 0;
  let timer = 0;
  let track = 0;
  stage.append(sky, lane);

  const draw = eachFrame(() => {
    const at = performance.now();
    for (const [place, banner] of banners.entries()) if (banner && isOver(banner, at)) leave(place, banner);
    for (const place of banners.keys()) {
      if (banners[place] || !queue.length) continue;
      banners[place] = show(queue.next(), place, at);
    }
    for (const entry of rising.splice(0, BUBBLES_A_FRAME)) rise(entry);
    if (rising.length) draw();
    if (!timer && banners.some(Boolean)) {
      timer = setTimeout(() => {
        timer = 0;
        draw();
      }, 100);
    }
  });

  function isOver(banner, at) {
    const { entry } = banner;
    if (banner.isLeaving) return false;
    const quietMs = at - banner.grewAt;
    if (!queue.length) return quietMs >= Math.max(LINGER_MS, entry.ms);
    return quietMs >= (entry.streak && !ended.has(entry.streak) ? Math.max(STREAK_MS, entry.ms) : entry.ms);
  }

  function leave(place, banner) {
    banner.isLeaving = true;
    banner.box.dataset.leaves = "";
    ended.delete(banner.entry.streak);
    setTimeout(() => {
      banner.box.remove();
      banners[place] = null;
      draw();
    }, stillness.matches ? 0 : LEAVE_MS);
  }

  function show(entry, place, at) {
    const box = element("div", "gift-banner");
    box.dataset.place = place;
    const count = element("span", "gift-banner-count");
    const line = element("p", "gift-banner-words", element("span", "gift-banner-who", entry.people.size > 1 ? "" : worn(room, entry.badge), ...words(entry)), element("span", "", `sent ${entry.gift}`));
    box.append(line, picture(room, entry.slug, entry.art), count);
    lane.append(box);
    const banner = { box, count, entry, grewAt: at, isLeaving: false };
    write(banner);
    return banner;
  }

  function write(banner) {
    const { quantity } = banner.entry;
    banner.count.textContent = quantity > 1 ? times(quantity) : "";
    banner.box.dataset.heat = HEAT.filter((from) => quantity >= from).length;
  }

  function grow(banner, quantity) {
    if (quantity <= banner.entry.quantity) return;
    banner.entry.quantity = quantity;
    banner.grewAt = performance.now();
    write(banner);
    if (stillness.matches) return;
    banner.count.animate([{ scale: 1.5 }, { scale: 1 }], { duration: 180, easing: "ease-out" });
  }

  function rise(entry) {
    if (bubbles >= BUBBLES_MAX) return;
    const bubble = element("div", "gift-bubble", picture(room, entry.slug, entry.art));
    bubble.dataset.gift = entry.slug;
    bubble.dataset.track = track = (track + 1) % 6;
    bubble.style.setProperty("--seconds", `${entry.ms / 1000}s`);
    sky.append(bubble);
    bubbles += 1;
    setTimeout(() => {
      bubble.remove();
      bubbles -= 1;
    }, entry.ms);
  }

  function ofStreak(streak) {
    return banners.find((banner) => banner && !banner.isLeaving && banner.entry.streak === streak);
  }

  return {
    take(entry, quantity) {
      if (!stillness.matches && rising.length < BUBBLES_MAX) {
        rising.push(...Array.from({ length: Math.min(quantity, BUBBLES_A_GIFT) }, () => entry));
      }
      const shown = entry.streak && ofStreak(entry.streak);
      const waiting = entry.streak && queue.ofStreak(entry.streak);
      if (shown) grow(shown, entry.quantity);
      else if (waiting) waiting.quantity = Math.max(waiting.quantity, entry.quantity);
      else queue.push(entry);
      draw();
    },
    end({ streak_id: streak, quantity }) {
      const shown = ofStreak(streak);
      const waiting = queue.ofStreak(streak);
      if (waiting) waiting.quantity = quantity;
      if (shown) grow(shown, quantity);
      if (shown || waiting) ended.add(streak);
      draw();
    },
  };
}
