import { describeRegister } from './rows.ts';

describeRegister('jsonpos');
