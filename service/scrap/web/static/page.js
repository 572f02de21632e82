"use strict";
// The page works without this: it only says what is under way, and saves a key or two.
const form = document.querySelector("form");
const input = form.elements.url;
const button = form.querySelector("button");
const label = button.textContent;

form.addEventListener("submit", () => {
  button.textContent = form.dataset.busy;
  button.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => { // back from another page
  button.textContent = label;
  button.removeAttribute("aria-busy");
});
input.addEventListener("paste", (event) => {
  const pasted = event.clipboardData.getData("text").trim();
  if (input.value === "" && /^https?:\/\/\S+$/i.test(pasted)) {
    event.preventDefault();
    input.value = pasted;
    form.requestSubmit();
  }
});

const picture = document.querySelector(".picture img");
if (picture) {
  const fail = () => {
    picture.hidden = true;
    picture.nextElementSibling.hidden = false;
  };
  picture.addEventListener("error", fail);
  if (picture.complete && picture.naturalWidth === 0) fail();
}

const copy = document.querySelector(".copy");
if (copy && navigator.clipboard) {
  const text = copy.textContent;
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector("pre").textContent);
    copy.textContent = copy.dataset.copied;
    setTimeout(() => { copy.textContent = text; }, 2000);
  });
}
