// Moves the dots of a picture with paths along them, one step after the other.
// Without it, or before it runs, the whole paths are seen.
"use strict";
for (const player of document.querySelectorAll(".player")) {
  const walks = [];
  for (const line of player.querySelectorAll(".walk")) {
    walks.push({ line, dot: line.nextElementSibling, points: line.getAttribute("points").split(" ") });
  }
  const last = Math.max(...walks.map(walk => walk.points.length)) - 1;
  const words = player.dataset;
  const bar = document.createElement("div");
  const button = document.createElement("button");
  const slider = document.createElement("input");
  const output = document.createElement("output");
  bar.className = "controls";
  button.type = "button";
  Object.assign(slider, { type: "range", min: 0, max: last, value: last });
  slider.setAttribute("aria-label", words.step);
  bar.append(button, slider, output);
  player.prepend(bar);
  let at = last;
  let frame = 0;
  function show() {
    const step = Math.floor(at);
    for (const { line, dot, points } of walks) {
      const seen = points.slice(0, step + 1);
      line.setAttribute("points", seen.join(" "));
      const [x, y] = seen[seen.length - 1].split(",");
      dot.setAttribute("cx", x);
      dot.setAttribute("cy", y);
    }
    slider.value = step;
    output.textContent = words.step + " " + step;
    button.textContent = frame ? words.pause : words.play;
  }
  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
    show();
  }
  function play() {
    if (at >= last) at = 0;
    let before = performance.now();
    function tick(now) {
      // Slow at first, where most happens; then faster.
      at = Math.min(last, at + (now - before) / 1000 * (6 + at / 8));
      before = now;
      frame = at >= last ? 0 : requestAnimationFrame(tick);
      show();
    }
    frame = requestAnimationFrame(tick);
    show();
  }
  button.onclick = () => frame ? stop() : play();
  slider.oninput = () => { at = Number(slider.value); stop(); };
  show();
  // Nothing moves by itself for those who do not want it.
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play();
}
