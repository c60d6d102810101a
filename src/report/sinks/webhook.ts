import { createHmac } from 'node:crypto';
import type { Sink } from './sink.ts';

/** Posts each entry as a body of its own. `secret`: signs the body, HMAC-SHA256. */
export const post = (url: string, secret: string | undefined, headers: Readonly<Record<string, string>>): Sink['send'] => async (entries, signal) => {
  for (const { id, body } of entries) {
    const answer = await fetch(url, {
      method: 'POST', body, signal, redirect: 'manual',
      headers: {
        'content-type': 'application/json', 'user-agent': 'fullmon', ...headers, 'x-fullmon-id': id,
        ...(secret === undefined ? {} : { 'x-fullmon-signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` }),
      },
    });
    // Nobody reads what it says, however long that is.
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
  }
};
