import { createHmac } from 'node:crypto';
import type { SinkOptions } from './schema.ts';
import { headersIn, secretIn } from './secrets.ts';
import type { Sink } from './sink.ts';

type WebhookOptions = Extract<SinkOptions, { readonly type: 'webhook' }>;

/** Posts each entry as a body of its own, which the secret signs. */
export const post = ({ url, 'secret-file': secretFile, 'headers-file': headersFile }: WebhookOptions): Sink['send'] => async (entries, signal) => {
  const [secret, headers] = [secretIn(secretFile), headersIn(headersFile)];
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
