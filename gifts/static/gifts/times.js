/* Times of planned lives in the clock of whoever looks, with its zone. Without it they stand as the server wrote
   them, with theirs.   time[data-when][datetime] */

const when = new Intl.DateTimeFormat(document.documentElement.lang || "en", {
  weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit", timeZoneName: "short",
});

for (const time of document.querySelectorAll("time[data-when]")) time.textContent = when.format(new Date(time.dateTime));
