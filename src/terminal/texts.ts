/** Texts for the cashier, by language. A language that is not here gets English. */
const TEXTS = {
  en: { declined: 'Declined', aborted: 'Cancelled', busy: 'The terminal is busy' },
  fi: { declined: 'Hylätty', aborted: 'Keskeytetty', busy: 'Maksupääte on varattu' },
} as const;

export type TextName = keyof (typeof TEXTS)['en'];

export function textFor(language: string, name: TextName): string {
  return TEXTS[language === 'fi' ? 'fi' : 'en'][name];
}
