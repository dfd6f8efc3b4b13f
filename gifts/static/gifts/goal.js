/* The creator's goal: set, changed, removed, filled by gifts, reached. Numbers come from the room's log, whole, so
   whatever was missed, the next event puts it right.

   [data-goal] holds [data-words] [data-amount] [data-target-amount] [data-bar] [data-reached-words] */

import { number } from "./art.js";

export function start(room, stream) {
  const goal = room.querySelector("[data-goal]");
  if (!goal) return;
  const part = (name) => goal.querySelector(`[data-${name}]`);

  function draw(coins, target) {
    goal.dataset.coins = coins;
    goal.dataset.target = target;
    part("amount").textContent = number.format(coins);
    part("target-amount").textContent = number.format(target);
    part("bar").max = target;
    part("bar").value = Math.min(coins, target);
  }

  stream.on("goal.changed", (event) => {
    const isSame = goal.dataset.goalId === event.goal_id;
    goal.hidden = !event.goal_id;
    goal.dataset.goalId = event.goal_id ?? "";
    if (!event.goal_id) return;
    part("words").textContent = event.words;
    const reached = isSame && "reached" in goal.dataset;
    if (!reached) {
      delete goal.dataset.reached;
      part("reached-words").textContent = "";
    }
    draw(event.goal_coins ?? 0, event.target_coins);
  });

  stream.on("gift.sent", (gift) => {
    if (gift.goal_coins === undefined || !goal.dataset.goalId) return;
    draw(Math.max(gift.goal_coins, Number(goal.dataset.coins)), Number(goal.dataset.target));
  });

  stream.on("goal.reached", (event) => {
    if (event.goal_id !== goal.dataset.goalId) return;
    draw(Math.max(event.coins, Number(goal.dataset.coins)), event.target_coins);
    goal.dataset.reached = "";
    part("reached-words").textContent = `Reached: ${event.words}`;
  });
}
