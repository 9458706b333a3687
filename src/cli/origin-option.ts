import type { Settings } from './settings.ts';

/** As browsers write them in `Origin`: `https://Till.example:443/` is `https://till.example`. */
export function readOrigins(settings: Settings): string[] {
  return settings.list('allow-origin').map((text) => {
    const url = /^https?:\/\/[^/?#@]+\/?$/i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || /[*%]/.test(url.host)) throw settings.refused('allow-origin', text, ORIGIN_FORM);
    return url.origin;
  });
}

const ORIGIN_FORM =
  'the origin of one web page, http:// or https:// and a host, for instance https://till.example or http://localhost:8080';
