//! The gateway among real applications: PHP, php-fpm behind nginx, Python, Flask under gunicorn, Node.

mod chats;
mod options;
mod running;
mod wire;
