// Who a credential belongs to. Each line of the file: NAME ROLE SHA256-OF-NAME:PASSWORD, in hex.
// The passwords are random (see credential.sh), so that a plain digest cannot be searched.
import crypto from 'crypto';
import fs from 'fs';

// `credential` is "NAME:PASSWORD"; {name, role}, or null. Read anew each time: a change counts at once.
function find(credential) {
    var digest = crypto.createHash('sha256').update(credential).digest('hex');
    var name = credential.split(':')[0];
    var lines = fs.readFileSync(process.env.GATEWAY_USERS_FILE, 'utf8').split('\n');
    for (var i = 0; i < lines.length; i++) {
        var fields = lines[i].trim().split(/\s+/);
        if (fields.length == 3 && fields[0] == name && fields[2] == digest) {
            return {name: name, role: fields[1]};
        }
    }
    return null;
}

// "USER:PASSWORD" of the Prefect server itself.
function upstream() {
    var text = fs.readFileSync(process.env.GATEWAY_AUTH_FILE, 'utf8').trim();
    if (!text) {
        throw new Error('the file of GATEWAY_AUTH_FILE is empty');
    }
    return text;
}

export default {find, upstream};
