"""A help desk: tickets with an attachment, in a database; whoever is in charge gets a mail. Its search is open to injection."""
import datetime, http.server, json, os, subprocess, urllib.parse, uuid

import psycopg2

FILES = '/srv/desk/files'


def query(sql, *args):
    with psycopg2.connect('dbname=desk') as db, db.cursor() as cursor:
        cursor.execute(sql, args or None)
        return cursor.fetchall() if cursor.description else []


class Desk(http.server.BaseHTTPRequestHandler):
    def answer(self, value):
        body = json.dumps(value, default=str).encode()
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(url.query))
        if url.path == '/search':
            self.answer(query("select id, title from ticket where title like '%" + asked['q'] + "%'"))
        else:
            self.answer(query('select id, title, at from ticket order by id desc limit 20'))

    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length']))
        folder = os.path.join(FILES, datetime.date.today().isoformat())
        os.makedirs(folder, exist_ok=True)
        file = os.path.join(folder, f'{uuid.uuid4()}.bin')
        with open(file, 'wb') as stream:
            stream.write(body)
        title = self.headers['x-title']
        query('insert into ticket (title, file) values (%s, %s)', title, file)
        subprocess.run(['/usr/sbin/sendmail', '-t'], input=f'To: support\nSubject: {title}\n\nA new ticket.\n'.encode(), check=True)
        self.answer('filed')

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(('', 8080), Desk).serve_forever()
