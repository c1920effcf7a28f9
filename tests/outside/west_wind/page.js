// A chat in the steps of West Wind's documentation, with its names, argument orders and file name.

import {WebConnectionWebSocket} from '../scripts/web-connection-websocket.js'

var $ = (id) => document.getElementById(id);

var socket = new WebConnectionWebSocket();

socket.onMessageHandler = (msg) => {
    var action = msg.action;
    var message = msg.message;
    var user = msg.userId;
    var group = msg.groupId;

    if (action == "broadcastchatmessage") {
        var own = $("user").value == user;
        var html = own ? "<div class='message this-user'>" : "<div class='message'>";
        html += "<b>" + user + "</b> <i>" + group + "</i> <span>" + message + "</span></div>";
        $("messages").innerHTML += html;
    }
    else if (action == "initialmessages") {
        var msgs = JSON.parse(message);
        msgs.forEach((one) => { $("messages").innerHTML += "<div class='earlier'>" + one + "</div>"; });
    }
}
socket.onOpenHandler = (ev) => { $("status").textContent = "connected"; }
socket.onCloseHandler = (ev) => { $("status").textContent = "disconnected"; }

$("connect").onclick = () => {
    var group = $("group").value;
    var user = $("user").value;
    socket.tryConnect(true, group, user);
}

$("send").onclick = (e) => {
    var userName = $("user").value;
    var group = $("group").value;
    var message = $("message").value;

    var msg = socket.createBroadcastMessage("broadcastchatmessage", message);
    msg.userId = userName;
    msg.groupId = group;

    if (group)
        msg.addRecipient(group, 'group')

    socket.send(msg);
    $("message").value = "";
    $("message").focus();
}
