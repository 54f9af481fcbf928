const form = document.getElementById("form");
const link = document.getElementById("link");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/api/links", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ file: new FormData(form).get("file") }),
  });
  const body = await answer.json();
  const url = new URL(`/api/links/${body.token}`, location.href);
  link.textContent = answer.ok ? url.href : "That did not work.";
});
