"""What is open, by mail to whoever is in charge."""
import smtplib

import psycopg2

with psycopg2.connect('dbname=desk') as db, db.cursor() as cursor:
    cursor.execute('select count(*) from ticket')
    (count,) = cursor.fetchone()
with smtplib.SMTP('localhost') as smtp:
    smtp.sendmail('desk@example.test', 'emil@example.test', f'Subject: open tickets\n\n{count}\n')
