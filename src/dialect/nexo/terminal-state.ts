import type { JsonObject } from '../../rpc/json-tree.ts';

/** What is known of a terminal from what it says by itself, whichever wire it says it on. */
export class TerminalState {
  isRunning = false;
  #isMaintained = false;
  #isCardIn: boolean | undefined;
  #isConnected: boolean | undefined;
  #isOut = false;

  /** As a result of Status. */
  get status(): JsonObject {
    const isReady = !this.isRunning && !this.#isMaintained && !this.#isOut;
    return {
      ready_for_transaction: isReady,
      ...(this.isRunning && { transaction_status: 'PROCESSING' }),
      ...(this.#isMaintained && { update_status: 'MAINTENANCE' }),
      ...(this.#isCardIn !== undefined && { chip_card_in: this.#isCardIn }),
      ...(this.#isConnected !== undefined && { psp_connection_available: this.#isConnected }),
    };
  }

  /** @param event `EventToNotify`. */
  apply(event: string): void {
    switch (event) {
      case 'CardInserted':
      case 'CardRemoved':
        this.#isCardIn = event === 'CardInserted';
        break;
      case 'BeginMaintenance':
      case 'EndMaintenance':
        this.#isMaintained = event === 'BeginMaintenance';
        break;
      case 'NetworkConnected':
      case 'NetworkDisconnected':
        this.#isConnected = event === 'NetworkConnected';
        break;
      case 'Initialised':
        this.#isOut = false;
        break;
      case 'Shutdown':
      case 'OutOfOrder':
      case 'SecurityAlarm':
        this.#isOut = true;
        break;
    }
  }
}
