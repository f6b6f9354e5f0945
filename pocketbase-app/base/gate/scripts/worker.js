// Tries numbers until the SHA-256 of salt and number is the challenge.
onmessage = async ({ data: { challenge, salt, maxnumber } }) => {
  const encode = new TextEncoder();
  const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");
  for (let n = 0; n <= maxnumber; n++) {
    if (hex(await crypto.subtle.digest("SHA-256", encode.encode(salt + n))) === challenge) {
      postMessage(n);
      return;
    }
  }
  postMessage(null);
};
