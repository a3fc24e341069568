// While a list of documents is being signed, this page asks how far it is. The form travels as
// every form does; the answer to it is the page with the results.

const EVERY_MS = 700;

const form = document.querySelector("form[data-batch]");
form?.addEventListener("submit", () => {
  const address = new URL(form.dataset.batch, location.href);
  for (const box of form.querySelectorAll("[name=document]:checked")) {
    address.searchParams.append("document", box.value);
  }
  const part = form.querySelector("[data-progress]");
  const asking = setInterval(async () => {
    const answer = await fetch(address).catch(() => null);
    if (answer?.ok) part.innerHTML = await answer.text();
  }, EVERY_MS);
  addEventListener("pageshow", () => clearInterval(asking), { once: true });
  form.querySelector("[data-sign]").textContent = form.querySelector("[data-sign]").dataset.sign;
});
