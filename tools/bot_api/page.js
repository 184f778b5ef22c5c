"use strict";

const chats = document.getElementById("chats");
const order = document.getElementById("order");
let shown = null;

async function look() {
  try {
    const answer = await fetch("/chats");
    const text = await answer.text();
    if (answer.ok && text !== shown) {
      shown = text;
      chats.innerHTML = text;
    }
  } catch {
    chats.textContent = "The server does not answer.";
    shown = null;
  }
  setTimeout(look, document.hidden ? 5000 : 500);
}

order.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(order));
  const answer = await fetch("/faults", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...fields, count: Number(fields.count), chat_id: fields.chat_id || null }),
  });
  document.getElementById("ordered").textContent = answer.ok ? "Ordered." : "Refused.";
});

look();
