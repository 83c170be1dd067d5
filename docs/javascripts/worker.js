/* Search from a folder: where pages are opened as files a browser starts no worker, so its script runs in
   a hidden frame. Over http nothing here does anything. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      frame.title = "search"
      document.body.appendChild(frame)
      this.frame = frame
      this.inside = frame.contentWindow
      this.heard = (event) => {
        if (event.source !== this.inside) return
        const told = new MessageEvent("message", { data: event.data })
        this.dispatchEvent(told)
        if (this.onmessage) this.onmessage(told)
      }
      addEventListener("message", this.heard)
      const page = this.inside.document
      page.open()
      page.write("<!doctype html><title>search</title><body><script>"
        + "postMessage = (data) => parent.postMessage(data, '*', [])"
        + "<\/script></body>")
      page.close()
      this.ready = new Promise((resolve) => {
        const script = page.createElement("script")
        script.src = url
        script.onload = resolve
        page.body.appendChild(script)
      })
    }
    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(
        new this.inside.MessageEvent("message", { data, source: window })))
    }
    terminate() {
      removeEventListener("message", this.heard)
      this.frame.remove()
    }
  }
}
