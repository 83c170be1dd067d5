"use strict";
(() => {
  const root = document.documentElement;
  const themes = ["auto", "light", "dark"];
  const button = document.querySelector(".theme");
  let theme = "auto";
  try { theme = localStorage.getItem("modelmetry-theme") || "auto"; } catch { /* no storage for files */ }
  const paint = () => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    button.textContent = "Theme: " + theme;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("modelmetry-theme", theme); } catch { /* no storage for files */ }
    paint();
  });
  paint();
})();
