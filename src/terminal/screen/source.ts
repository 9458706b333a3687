import type { ScreenSource } from '../../base/screen-source.ts';
import type { ScreenModel } from '../screen-model.ts';
import { parseAction } from './action.ts';

/** The simulated terminal, for its page. */
export function terminalSource(model: ScreenModel): ScreenSource {
  return {
    get state() {
      return model.state;
    },
    get messages() {
      return model.messages;
    },
    watch: (changed) => model.watch(changed),
    act(text) {
      const action = parseAction(text);
      if (action !== undefined) model.act(action);
      return action !== undefined;
    },
  };
}
