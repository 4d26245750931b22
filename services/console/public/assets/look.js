// Before anything is drawn: the look that was chosen here, so that nothing flashes.
try {
  const look = localStorage.getItem("switchover-look");
  if (look === "light" || look === "dark") document.documentElement.dataset.look = look;
} catch {
  // A browser that keeps nothing shows the system's own look.
}
