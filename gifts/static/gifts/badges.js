/* What is worn beside a name: an event's level and club level, put into the badge of a line (templates/gifts/badge.html),
   or into a copy of the blank line's badge where there is none yet. Numbers alone reach the page. */

const TIERS = [10, 20, 30, 40];

export function wear(badge, { level, club_level: club }) {
  if (!badge) return;
  const fan = badge.querySelector(".worn-level");
  fan.dataset.tier = TIERS.filter((from) => level >= from).length;
  write(fan, level);
  write(badge.querySelector(".worn-club"), club);
  badge.hidden = !level && !club;
}

export function worn(room, event) {
  const blank = room.querySelector("[data-room-line]")?.content.querySelector("[data-worn]");
  if (!blank || (!event.level && !event.club_level)) return "";
  const badge = blank.cloneNode(true);
  wear(badge, event);
  return badge;
}

function write(part, number) {
  part.hidden = !number;
  part.querySelector("[data-number]").textContent = number ? String(Number(number)) : "";
}
