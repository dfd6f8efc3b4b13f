/* Signing up: the browser knows the person's time zone; without this file the country decides it. */

const field = document.querySelector("[data-time-zone]");
if (field && !field.value) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
