//! The gateway among real applications: PHP, php-fpm behind nginx, Python, Flask under gunicorn, Node.

mod chats;
mod foxpro;
mod guide;
mod options;
mod restarts;
mod running;
mod several;
mod spellings;
mod verifiers;
mod wire;
