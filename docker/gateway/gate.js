// Decides on each request before its body is read, then looks into the bodies of inspected roles.
import table from 'table.js';
import users from 'users.js';

// What a proxy and a server may read in different ways: encoded separators, controls, percents, and
// characters that need no encoding; empty or dot segments; everything that is not plain ASCII.
var ODD = new RegExp([
    '%(?:2[ef5d]|5[c0-9af]|3[b0-9]|7[ef0-9a]|[01][0-9a-f]|[46][1-9a-f])',
    '//', '/\\.\\.?(?:/|$)', '[^\\x21-\\x7e]', '[\\\\;]',
].join('|'), 'i');
var STRING = /"(?:[^"\\]|\\[\s\S])*"/g;

var TELL = {
    unauthenticated: [
        'no credential of the gateway was given, or a wrong one',
        'set PREFECT_API_AUTH_STRING=NAME:PASSWORD, without PREFECT_API_KEY',
    ],
    refused: [
        'the role may not do this',
        'use a credential of another role, or decide on the route in docker/gateway/routes.yaml',
    ],
    undecided: ['nobody may do this yet', 'decide on the route in docker/gateway/routes.yaml'],
    malformed: [
        'the request could be read in more than one way',
        'write the path without encoded slashes, dots or percent signs, and the body as JSON in UTF-8',
    ],
    'cross-site': ['a page of another site asks', 'open the UI at the address of the gateway'],
    secrets: [
        'the request asks for what the server keeps',
        'have the flow load it where it runs, or ask an operator',
    ],
    registration: [
        'the body says what this role may not say',
        'deploy a flow of the installed package; see docs/gateway.md',
    ],
    'too-large': ['the request is too large', 'send less at once'],
    'too-many': ['too many requests from one address', 'wait a second, then try again'],
    'too-slow': ['the request did not arrive in time', 'try again'],
    unreachable: ['the Prefect server does not answer', 'see whether it runs, then try again'],
    broken: ['the gateway failed', 'see its log; slipway doctor tells what is set'],
};

// 204 passes; 401 and 403 are the only refusals that nginx takes from here.
function decide(r) {
    var refusal = judge(r);
    note(r, refusal);
    r.return(refusal ? (refusal[0] == 'unauthenticated' ? 401 : 403) : 204);
}

// null, or [word, what was found].
function judge(r) {
    var v = r.variables;
    var header = r.headersIn.Authorization;
    // Prefect's clients name themselves in the first message of a websocket: relay.js asks then.
    var is_later = v.gateway_method == 'WS' && header === undefined;
    var user = identify(header);
    if (!user && !is_later) {
        return ['unauthenticated', ''];
    }
    if (user) {
        v.gateway_user = user.name;
        v.gateway_role = user.role;
    }
    if (ODD.test(v.gateway_path)) {
        return ['malformed', v.gateway_path];
    }
    if (is_foreign(r.headersIn)) {
        return ['cross-site', r.headersIn.Origin];
    }
    return judge_route(v, user);
}

function judge_route(v, user) {
    var asked = v.gateway_method + ' ' + v.gateway_path;
    var route = table.routes[v.gateway_route];
    if (!route) {
        return ['undecided', asked];
    }
    v.gateway_roles = route.roles.join(',');
    if (user && route.roles.indexOf(user.role) < 0) {
        return ['refused', 'role ' + user.role + ': ' + asked];
    }
    // Not `args`, which are those of the question to us.
    if (is_inspected(v) && word_in(decoded(v.request_uri.slice(v.gateway_path.length)))) {
        return ['secrets', 'the query'];
    }
    return null;
}

function identify(header) {
    var found = /^Basic +([A-Za-z0-9+\/=]+)$/i.exec(header || '');
    return found ? users.find(Buffer.from(found[1], 'base64').toString()) : null;
}

// A browser adds the operator's credential to whatever page asks; only our own pages may.
function is_foreign(headers) {
    return headers.Origin !== undefined &&
        headers.Origin.replace(/^https?:\/\//, '') != headers.Host;
}

function is_inspected(v) {
    return table.inspected.indexOf(v.gateway_role) >= 0;
}

function decoded(query) {
    try {
        return decodeURIComponent(query.replace(/\+/g, ' '));
    } catch (e) {
        return table.words[0];
    }
}

function word_in(text) {
    return table.words.find(function (word) {
        return text.toLowerCase().indexOf(word) >= 0;
    });
}

function forward(r) {
    var v = r.variables;
    if (v.gateway_method == 'WS') {
        return r.internalRedirect('@websocket');
    }
    var route = table.routes[v.gateway_route];
    var refusal = is_inspected(v) && !route.large ? inspect(r, route.body) : null;
    if (refusal) {
        note(r, refusal);
        return tell(r, 403, refusal[0], refusal[1]);
    }
    r.internalRedirect(/\/ui-settings$/.test(v.gateway_path) ? '@ui-settings' : '@prefect');
}

// Strings are read one by one, so that neither escapes nor a key said twice hide a word.
function inspect(r, rules) {
    var body;
    if (r.variables.request_body_file) {
        return ['too-large', 'more than 1 MiB'];
    }
    var text = r.requestText;
    if (!text) {
        return rules ? ['malformed', 'no body'] : null;
    }
    try {
        body = JSON.parse(text);
        var strings = text.match(STRING) || [];
        for (var i = 0; i < strings.length; i++) {
            if (word_in(JSON.parse(strings[i]))) {
                return ['secrets', word_in(JSON.parse(strings[i]))];
            }
        }
    } catch (e) {
        return ['malformed', 'a body that is not JSON in UTF-8'];
    }
    return rules ? judge_body(body, table.bodies[rules]) : null;
}

function judge_body(body, rules) {
    if (body === null || typeof body != 'object' || Array.isArray(body)) {
        return ['malformed', 'a body that is no object'];
    }
    var field = Object.keys(rules).find(function (name) {
        return !is_allowed(body[name], rules[name]);
    });
    return field === undefined ? null : ['registration', field];
}

function is_allowed(value, rule) {
    if (value === undefined || value === null) {
        return true;
    }
    if (rule.matches) {
        return typeof value == 'string' && RegExp('^(?:' + rule.matches + ')$').test(value);
    }
    if (rule.keys) {
        return typeof value == 'object' && !Array.isArray(value) &&
            Object.keys(value).every(function (key) { return rule.keys.indexOf(key) >= 0; });
    }
    return value === '' || (typeof value == 'object' && Object.keys(value).length == 0);
}

function note(r, refusal) {
    r.variables.gateway_decision = refusal ? refusal[0] : 'passed';
    r.variables.gateway_found = refusal ? refusal[1] : '';
}

// What nginx refuses by itself comes here too, by way of error_page.
function told(r) {
    var v = r.variables;
    var is_ours = v.gateway_decision && v.gateway_decision != 'passed';
    tell(r, Number(v.status), is_ours ? v.gateway_decision : v.gateway_failure, v.gateway_found);
}

function tell(r, status, word, found) {
    var said = {detail: 'gateway: ' + TELL[word][0]};
    if (found) {
        said.found = found;
    }
    said.next_step = TELL[word][1];
    said.request_id = r.variables.request_id;
    r.headersOut['Content-Type'] = 'application/json';
    r.headersOut['Slipway-Gateway'] = word;
    if (status == 401) {
        r.headersOut['WWW-Authenticate'] = 'Basic realm="Prefect", charset="UTF-8"';
    }
    r.return(status, JSON.stringify(said) + '\n');
}

function authorization() {
    return 'Basic ' + Buffer.from(users.upstream()).toString('base64');
}

export default {decide, forward, told, authorization};
