import { alertsOf, replay } from '../support/replay.ts';
import type { Flags } from '../support/replay.ts';
import type { Scene } from '../support/scene.ts';

// The faults of fullmon's first version, each by what its user saw. The numbers at the end of the titles are those it was counted by.

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** What somebody who learned for an hour is told, cycle by cycle. */
export const told = (scene: Scene, flags: Flags = {}): readonly string[] => alertsOf(replay(scene.lines, { baseline: 3600, monitor: 60, ...flags })).map(({ edge }) => edge);
