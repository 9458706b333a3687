import type { AskingDialect, AskingSettings } from '../asking.ts';
import { askingDialect } from './asking.ts';
import { defaultParameters } from './parameters.ts';
import { parametersFrom } from './parameters-file.ts';

/** ECR-EFT, the register's end, for a terminal. */
export async function asks(settings: AskingSettings): Promise<AskingDialect> {
  const parameters = await parametersFrom(settings);
  return askingDialect({
    device: {
      vendor: 'posbridge',
      type: 'register',
      id: '0',
      parameters: parameters ?? defaultParameters(0),
    },
    register: settings.register,
  });
}
