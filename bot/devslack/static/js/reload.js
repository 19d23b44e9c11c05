// Loads the page again when a part of it did not arrive: browsers drop what they load when a network interface appears or goes,
// and every pod on this machine has one.

const LOADS = "loads";
const MOST = 5;

addEventListener("error", (event) => {
  if (!(event.target instanceof HTMLScriptElement || event.target instanceof HTMLLinkElement)) return;
  const loads = Number(sessionStorage.getItem(LOADS)) + 1;
  if (loads > MOST) return;
  sessionStorage.setItem(LOADS, String(loads));
  setTimeout(() => location.reload(), 300 * loads);
}, true);
addEventListener("load", () => {
  if (document.getElementById("app").hasChildNodes()) sessionStorage.removeItem(LOADS);
});
