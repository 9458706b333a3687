// @microsoft/api-extractor as this project uses it: on the library's declarations, with the types that its users have.
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
const root = path.dirname(import.meta.dirname);

/**
 * Reads the declarations that start at `entry`; `wanted` says what is made of them. Throws where they cannot be read.
 */
export function extract(entry, wanted, invocation = {}) {
  const { Extractor, ExtractorConfig, ExtractorLogLevel } = require('@microsoft/api-extractor');
  const silent = { default: { logLevel: ExtractorLogLevel.None } };
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023'],
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    types: ['node'],
    strict: true,
    skipLibCheck: true,
  };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: entry,
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { compilerOptions, files: [entry] } },
      apiReport: { enabled: false },
      dtsRollup: { enabled: false },
      docModel: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { extractorMessageReporting: silent, tsdocMessageReporting: silent },
      ...wanted,
    },
    packageJsonFullPath: path.join(root, 'package.json'),
  });
  const messageCallback = (message) => {
    message.handled = message.logLevel !== ExtractorLogLevel.Error;
  };
  const result = Extractor.invoke(config, { ...invocation, messageCallback });
  if (result.errorCount > 0) throw new Error('the declarations of the library cannot be read');
  return result;
}
