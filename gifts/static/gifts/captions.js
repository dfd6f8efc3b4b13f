/* What happens on stage in words, for those who do not see it: [data-room-captions] is a polite live region.

   At most one sentence in SPEAK_MS, which sums up what came since the last. A combo is said once, with its total. */

import { number } from "./art.js";

const SPEAK_MS = 2000;

export function start(room, stream) {
  const region = room.querySelector("[data-room-captions]");
  if (!region) return;
  let unsaid = [];
  let timer = 0;

  function say() {
    timer = 0;
    if (!unsaid.length) return;
    region.textContent = sentence(unsaid);
    unsaid = [];
    timer = setTimeout(say, SPEAK_MS);
  }

  function hear(gift) {
    unsaid.push(gift);
    timer ||= setTimeout(say, 0);
  }

  stream.on("gift.sent", (gift) => gift.streak_id || hear(gift));
  stream.on("streak.ended", hear);
}

export function sentence(gifts) {
  const dearest = gifts.reduce((best, gift) => (gift.coins > best.coins ? gift : best));
  if (gifts.length === 1) return `${dearest.sender} sent ${what(dearest)}.`;
  const count = gifts.reduce((sum, gift) => sum + gift.quantity, 0);
  const people = new Set(gifts.map((gift) => gift.sender_handle ?? gift.sender)).size;
  const whom = people === 1 ? dearest.sender : `${number.format(people)} people`;
  return `${whom} sent ${number.format(count)} gifts, among them ${what(dearest)}${people === 1 ? "" : ` from ${dearest.sender}`}.`;
}

function what(gift) {
  return gift.quantity > 1 ? `${number.format(gift.quantity)} times ${gift.gift}` : gift.gift;
}
