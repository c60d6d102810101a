import { describe, expect, it } from 'vitest';
import { ms } from '../../src/audit/units.ts';
import { newBaseline } from '../../src/baseline/baseline.ts';
import type { Baseline } from '../../src/baseline/baseline.ts';
import type { Nearness, Novelty } from '../../src/baseline/nearest.ts';
import { parseObject } from '../../src/behaviour/edge.ts';
import { Trait } from '../../src/behaviour/handler.ts';
import { sighting } from '../support/sighting.ts';

const NGINX = 'proc::33:/usr/sbin/nginx';
const PHP = 'proc::33:/usr/sbin/php-fpm8.2';
const BACKUP = 'proc::0/0:/usr/bin/dash /opt/backup.sh@cron';

/** Each of `known` was seen once, a second apart. */
const after = (known: readonly string[]): Baseline => {
  const baseline = newBaseline(ms(60_000));
  for (const [i, text] of known.entries()) baseline.learn(sighting(text, (i + 1) * 1000));
  baseline.generalise();
  return baseline;
};
const nearest = (edge: string, ...known: readonly string[]): readonly (readonly [Nearness, string])[] =>
  after(known).nearest(sighting(edge)).map(({ how, subject, object }) => [how, `${subject} ${parseObject(object)?.name}`]);
const novelty = (edge: string, ...known: readonly string[]): Novelty => after(known).novelty(sighting(edge));

describe('the nearest known edge', () => {
  it('is another child of the parent and another parent of the child', () => {
    const shell = `${NGINX}->proc::33:/usr/bin/dash -c@nginx`;
    expect(nearest(shell, `${NGINX}->proc::33:/usr/lib/helper@nginx`)).toEqual([['other child', `${NGINX} proc::33:/usr/lib/helper@nginx`]]);
    expect(nearest('proc::0/0:/usr/bin/perl@sshd->proc::0/0:/usr/bin/id@sshd', 'proc::0/0:/usr/bin/bash@sshd->proc::0/0:/usr/bin/id@sshd'))
      .toEqual([['other parent', 'proc::0/0:/usr/bin/bash@sshd proc::0/0:/usr/bin/id@sshd']]);
  });

  it('is the same program as another user, for another service, for another script', () => {
    expect(nearest(`${NGINX}->proc::33:/usr/bin/dash -c@nginx`, `${NGINX}->proc::0:/usr/bin/dash -c@nginx`, `${NGINX}->proc::33:/usr/bin/dash /opt/a.sh@nginx`, 'proc::0:/usr/sbin/cron->proc::33:/usr/bin/dash -c@cron'))
      .toEqual([['other user', `${NGINX} proc::0:/usr/bin/dash -c@nginx`], ['other service', 'proc::0:/usr/sbin/cron proc::33:/usr/bin/dash -c@cron'], ['other script', `${NGINX} proc::33:/usr/bin/dash /opt/a.sh@nginx`]]);
    expect(nearest(`${BACKUP}->file:CREATE:/var/backups/a`, 'proc::0/0:/usr/bin/dash /opt/backup.sh@sshd->file:CREATE:/var/backups/a')[0]?.[0]).toBe('other service');
    expect(nearest('proc::33:/usr/bin/curl->host:a.example.test:443', 'proc:shop:33:/usr/bin/curl->host:a.example.test:443')[0]?.[0]).toBe('other container');
  });

  it('is another port of the host, another host on the port', () => {
    expect(nearest(`${PHP}->host:a.example.test:22`, `${PHP}->host:a.example.test:443`, `${PHP}->host:b.example.test:22`, `${NGINX}->host:a.example.test:22`)).toEqual([
      ['other parent', `${NGINX} a.example.test:22`], ['other port', `${PHP} a.example.test:443`], ['other host', `${PHP} b.example.test:22`],
    ]);
    expect(nearest(`${PHP}->host:2001:db8::1:22`, `${PHP}->host:2001:db8::1:443`)[0]?.[0]).toBe('other port');
  });

  it('is another name in the directory, of the subject itself rather than of others', () => {
    expect(nearest(`${PHP}->file:CREATE:/srv/a/x`, `${PHP}->file:CREATE:/srv/a/index`, `${NGINX}->file:CREATE:/srv/a/later`, `${PHP}->file:CREATE:/srv/b/other`))
      .toEqual([['other name', `${PHP} /srv/a/index`], ['other child', `${PHP} /srv/b/other`]]);
    expect(nearest(`${PHP}->file:CREATE:/srv/a/x`, `${NGINX}->file:CREATE:/srv/a/later`)).toEqual([['other name', `${NGINX} /srv/a/later`]]);
  });

  it('is another action on the file, or the same without a trait', () => {
    expect(nearest(`${PHP}->file:DELETE:/srv/a`, `${PHP}->file:CREATE:/srv/a`)).toEqual([['other action', `${PHP} /srv/a`]]);
    const baseline = newBaseline(ms(60_000));
    baseline.learn(sighting(`${PHP}->file:CREATE:/srv/a`, 5000));
    baseline.learn(sighting(`${PHP}->file:CREATE:/srv/a`, 7000));
    expect(baseline.nearest(sighting(`${PHP}->file:CREATE:/srv/a`, 9000, Trait.executable)))
      .toEqual([{ how: 'other trait', subject: PHP, object: 'file:CREATE:/srv/a', last: 7000, count: 2 }]);
  });

  it('may be a pattern, of the subject or of another', () => {
    const sessions = ['0f1e2d3c4b5a6978', 'a81b93c0d4e5f607', '1122aabb33cc44dd'].map((id) => `${PHP}->file:CREATE:/srv/s/${id}`);
    const pattern = { subject: PHP, object: 'file:CREATE:^/srv/s/[0-9a-f]{16}$', last: 3000, count: 3 };
    expect(after(sessions).nearest(sighting(`${PHP}->file:CREATE:/srv/s/x`))).toEqual([{ how: 'other name', ...pattern }]);
    expect(after(sessions).nearest(sighting(`${NGINX}->file:CREATE:/srv/s/5566aa77bb88cc99`))).toEqual([{ how: 'other parent', ...pattern }]);
    expect(novelty(`${NGINX}->file:DELETE:/srv/s/5566aa77bb88cc99`, ...sessions)).toMatchObject({ objectKnown: true });
  });

  it('is the latest of several', () => {
    expect(nearest(`${PHP}->host:a.example.test:443`, ...['/a', '/b', '/c'].map((exe) => `proc::1:${exe}->host:a.example.test:443`))).toEqual([['other parent', 'proc::1:/c a.example.test:443']]);
  });

  it('is none in an empty world', () => expect(nearest(`${PHP}->host:a.example.test:443`)).toEqual([]));

  it('is found after what was learned late, and after a restart', () => {
    const baseline = newBaseline(ms(60_000));
    const edge = sighting(`${PHP}->file:CREATE:/srv/a/x`);
    expect(baseline.nearest(edge)).toEqual([]);
    for (const id of ['0f1e2d3c4b5a6978', 'a81b93c0d4e5f607', '1122aabb33cc44dd']) baseline.learn(sighting(`${PHP}->file:CREATE:/srv/a/${id}`));
    baseline.generalise();
    expect(baseline.nearest(edge)).toMatchObject([{ how: 'other name', object: 'file:CREATE:^/srv/a/[0-9a-f]{16}$' }]);
    expect(newBaseline(ms(60_000), baseline.save()).nearest(edge)).toEqual(baseline.nearest(edge));
  });
});

describe('novelty', () => {
  it('tells whether the subject is known, and its program', () => {
    const edge = 'proc::33:/usr/bin/curl@php-fpm8.2->host:a.example.test:443';
    expect(novelty(edge)).toMatchObject({ subjectKnown: false, programKnown: false });
    expect(novelty(edge, 'proc::0/0:/usr/bin/bash@sshd->proc::0/0:/usr/bin/curl@sshd')).toMatchObject({ subjectKnown: false, programKnown: true });
    expect(novelty(edge, `${PHP}->proc::33:/usr/bin/curl@php-fpm8.2`)).toMatchObject({ subjectKnown: true, programKnown: true });
  });

  it('tells whether anybody knows the object', () => {
    expect(novelty(`${NGINX}->proc::33:/usr/bin/id@nginx`, `${NGINX}->proc::33:/usr/bin/dash -c@nginx`)).toMatchObject({ objectKnown: false });
    expect(novelty(`${NGINX}->proc::33:/usr/bin/id@nginx`, 'proc::0/0:/usr/bin/bash@sshd->proc::0/0:/usr/bin/id@sshd')).toMatchObject({ objectKnown: true });
    expect(novelty(`${NGINX}->host:a.example.test:22`, `${PHP}->host:a.example.test:443`)).toMatchObject({ objectKnown: true, portKnown: false, kindKnown: false });
    expect(novelty(`${NGINX}->listen:0.0.0.0:31337`, `${NGINX}->listen:0.0.0.0:443`)).toMatchObject({ objectKnown: false, portKnown: false, kindKnown: true });
    expect(novelty(`${NGINX}->file:DELETE:/srv/a`, `${PHP}->file:CREATE:/srv/a`)).toMatchObject({ objectKnown: true });
    expect(novelty(`${NGINX}->file:DELETE:/srv/b`, `${PHP}->file:CREATE:/srv/a`)).toMatchObject({ objectKnown: false });
  });

  it('tells who has been in the place', () => {
    const edge = `${NGINX}->file:CREATE:/srv/a/x`;
    expect(novelty(edge, `${NGINX}->file:CREATE:/srv/b/y`)).toMatchObject({ directoryKnown: false, directoryUsed: false, edgesOfKind: 1 });
    expect(novelty(edge, `${PHP}->file:CREATE:/srv/a/y`)).toMatchObject({ directoryKnown: false, directoryUsed: true, edgesOfKind: 0 });
    expect(novelty(edge, `${PHP}->file:CREATE:/srv/a/y`, `${NGINX}->file:CREATE:/srv/a/y`)).toMatchObject({ directoryKnown: true });
    expect(novelty(`${NGINX}->host:b.example.test:443`, `${NGINX}->host:a.example.test:443`)).toMatchObject({ objectKnown: false, portKnown: true });
  });
});

it('a flood of unseen edges is answered with as little work for each as a single one', () => {
  const baseline = newBaseline(ms(60_000));
  for (let i = 0; i < 20_000; i++) {
    baseline.learn(sighting(`proc::${i}:/usr/bin/x->file:CREATE:/tmp/shared`));
    baseline.learn(sighting(`${PHP}->proc::${i}:/usr/bin/x`));
  }
  // Each against each would take hours.
  for (let i = 0; i < 20_000; i++) {
    const edge = sighting(`${PHP}->file:CREATE:/tmp/shared-${i}`);
    expect(baseline.novelty(edge).objectKnown).toBe(false);
    expect(baseline.nearest(edge)).not.toEqual([]);
  }
}, 30_000);
