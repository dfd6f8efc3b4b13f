/* Gifts that wait for a place on stage. Nothing is lost: dearer ones come first, of one price in the order they were
   sent; where many wait, equal ones are joined with ×n.

   An entry: { gift, slug, art, category, ms, price, quantity, sender, badge, people (who sent it), streak, order }. */

export function entryOf(gift) {
  return {
    gift: gift.gift,
    slug: gift.slug,
    art: gift.art ?? "",
    category: gift.category,
    ms: gift.animation_ms,
    price: Math.round(gift.coins / gift.quantity),
    quantity: gift.streak_quantity ?? gift.quantity,
    sender: gift.sender,
    badge: { level: gift.level, club_level: gift.club_level },
    people: new Set([gift.sender_handle]),
    streak: gift.streak_id ?? "",
    order: gift.number ?? performance.now(),
  };
}

/* joinOwnFrom: with so many waiting, equal gifts of one sender are joined; joinAllFrom: equal gifts of everyone. */
export function makeQueue({ joinOwnFrom, joinAllFrom = Infinity }) {
  const waiting = []; // the next one last
  const isBefore = (one, other) => (one.price === other.price ? one.order < other.order : one.price > other.price);

  function place(entry) {
    let low = 0;
    let high = waiting.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(entry, waiting[middle])) low = middle + 1;
      else high = middle;
    }
    waiting.splice(low, 0, entry);
  }

  function equal(entry) {
    const own = waiting.length >= joinOwnFrom;
    const all = waiting.length >= joinAllFrom;
    if (entry.streak || !own) return undefined;
    const [sender] = entry.people;
    return waiting.find(
      (other) =>
        !other.streak && other.slug === entry.slug && other.price === entry.price &&
        (all || (other.people.size === 1 && other.people.has(sender))),
    );
  }

  return {
    get length() {
      return waiting.length;
    },
    push(entry) {
      const other = equal(entry);
      if (!other) return place(entry);
      other.quantity += entry.quantity;
      for (const person of entry.people) other.people.add(person);
    },
    ofStreak: (streak) => waiting.find((entry) => entry.streak === streak),
    next: () => waiting.pop(),
  };
}
