// Prefect's clients name themselves in the first message of a websocket, not in a header. That one
// message is checked here, and goes on with the credential of the server; what follows it is passed
// on unread. RFC 6455, section 5.2, has the layout of frames.
import users from 'users.js';

var LARGEST = 4096;
var MOST_CONTROL_FRAMES = 16;
var HEAD_END = '\r\n\r\n';

function authenticate(s) {
    var pending = Buffer.alloc(0);
    var roles = null;
    var control_frames = 0;
    var is_over = false;

    s.on('upstream', function (data, flags) {
        if (is_over) {
            // The peer took leave too; an error ends both connections.
            throw new Error('refused');
        }
        pending = Buffer.concat([pending, data]);
        if (roles === null) {
            var end = pending.indexOf(HEAD_END);
            if (end < 0) {
                return;
            }
            roles = allowed(s, pending.slice(0, end).toString());
            s.send(pending.slice(0, end + 4));
            pending = pending.slice(end + 4);
        }
        for (;;) {
            var frame = read(pending);
            if (frame === null) {
                return;
            }
            if (frame.is_control && ++control_frames <= MOST_CONTROL_FRAMES) {
                s.send(pending.slice(0, frame.size));
                pending = pending.slice(frame.size);
                continue;
            }
            var reply = frame.is_text ? answer(s, frame.payload, roles) : null;
            if (reply === null) {
                is_over = true;
                s.sendDownstream(refusal());
                s.send('', {last: true});
                return;
            }
            s.send(Buffer.concat([reply, pending.slice(frame.size)]), flags);
            s.off('upstream');
            return;
        }
    });
}

function allowed(s, head) {
    var line = /^GET ([^ ?]+)/.exec(head);
    var header = /\r\nSlipway-Gateway-Roles: *([a-z0-9_,-]+)\r\n/i.exec(head + '\r\n');
    s.variables.gateway_path = line ? line[1] : '';
    return header ? header[1].split(',') : [];
}

// The first frame of a client, or null while it is not whole. What is too large is no text.
function read(data) {
    if (data.length < 2) {
        return null;
    }
    var is_control = (data[0] & 0x08) != 0;
    var length = data[1] & 0x7f;
    var start = 2;
    if (length == 126) {
        if (data.length < 4) {
            return null;
        }
        length = data.readUInt16BE(2);
        start = 4;
    }
    if (length == 127 || length > LARGEST || !(data[1] & 0x80)) {
        return {is_control: false, is_text: false, size: data.length};
    }
    var size = start + 4 + length;
    if (data.length < size) {
        return null;
    }
    var payload = Buffer.alloc(length);
    for (var i = 0; i < length; i++) {
        payload[i] = data[start + 4 + i] ^ data[start + i % 4];
    }
    // Whole, plain text: final, uncompressed, opcode 1.
    return {is_control: is_control, is_text: data[0] == 0x81, size: size, payload: payload};
}

// The message for the server, as a frame; or null.
function answer(s, payload, roles) {
    var message, user;
    try {
        message = JSON.parse(payload.toString());
    } catch (e) {
        return null;
    }
    if (!message || message.type !== 'auth' || typeof message.token != 'string') {
        return null;
    }
    user = users.find(message.token);
    if (!user) {
        return null;
    }
    s.variables.gateway_user = user.name;
    s.variables.gateway_role = user.role;
    if (roles.indexOf(user.role) < 0) {
        s.variables.gateway_decision = 'refused';
        return null;
    }
    s.variables.gateway_decision = 'passed';
    return text(JSON.stringify({type: 'auth', token: users.upstream()}));
}

// A masked text frame. The mask is there to confuse proxies; between us and the server is none.
function text(message) {
    var payload = Buffer.from(message);
    var head = payload.length < 126 ? Buffer.alloc(6) : Buffer.alloc(8);
    head[0] = 0x81;
    if (payload.length < 126) {
        head[1] = 0x80 | payload.length;
    } else {
        head[1] = 0x80 | 126;
        head.writeUInt16BE(payload.length, 2);
    }
    return Buffer.concat([head, payload]);
}

// A close frame with code 1008, policy violation.
function refusal() {
    var reason = Buffer.from('gateway: no credential that may use this websocket');
    return Buffer.concat([Buffer.from([0x88, reason.length + 2, 0x03, 0xf0]), reason]);
}

export default {authenticate};
