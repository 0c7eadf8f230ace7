-- A dissector for MiniPKI: frames (docs/protocol.md, section 1) and the JSON messages in them.
--
-- Use: wireshark -X lua_script:minipki.lua FILE
-- Ports: 9000 (CA) and 9101 (peers). Others: "Decode As...", MINIPKI.

local minipki = Proto("minipki", "MiniPKI")

local length = ProtoField.uint32("minipki.length", "Length of the body")
local kind = ProtoField.string("minipki.type", "Type")
local code = ProtoField.string("minipki.code", "Code of the refusal")
local ciphertext = ProtoField.bytes("minipki.ciphertext", "Ciphertext, without its tag")
local tag = ProtoField.bytes("minipki.tag", "Tag")
local broken = ProtoExpert.new("minipki.broken", "A length that no frame has", expert.group.MALFORMED, expert.severity.ERROR)

minipki.fields = { length, kind, code, ciphertext, tag }
minipki.experts = { broken }

local HEADER = 4
local TAG = 16
local LIMIT = 5120

local json = Dissector.get("json")

-- The type of a message. A response of the CA has no type: it is named as in docs/protocol.md.
local function name_of(text)
    local refused = text:match('"code":"([%w_]+)","error":"[^"]*","ok":false}$')
    if refused then
        return "refused", refused
    end
    if text:match('^{"certificate":') then
        return "granted"
    end
    for _, response in ipairs({ "revoked", "status", "anchors" }) do
        if text:match('^{"ok":true,"' .. response .. '":') or text:match('^{"' .. response .. '":%[') then
            return response
        end
    end
    return text:match('"type":"([%w_]+)"}$') or "message"
end

local function dissect_frame(buffer, packet, root)
    local tree = root:add(minipki, buffer())
    tree:add(length, buffer(0, HEADER))
    local body = buffer(HEADER)
    local name
    if body:len() > 0 and body(0, 1):string() == "{" then
        local refused
        name, refused = name_of(body:string())
        tree:add(kind, body, name)
        if refused then
            tree:add(code, body, refused)
            name = name .. " (" .. refused .. ")"
        end
        json:call(body:tvb(), packet, tree)
    elseif body:len() >= TAG then
        name = body:len() == TAG and "close" or "encrypted message"
        tree:add(kind, body, name)
        if body:len() > TAG then
            tree:add(ciphertext, body(0, body:len() - TAG))
        end
        tree:add(tag, body(body:len() - TAG, TAG))
    else
        name = "not a message"
        tree:add(kind, body, name)
    end
    tree:append_text(": " .. name)
    packet.cols.protocol = "MiniPKI"
    packet.cols.info = name
    return buffer:len()
end

local function frame_length(buffer, packet, offset)
    return HEADER + buffer(offset, HEADER):uint()
end

function minipki.dissector(buffer, packet, root)
    local announced = buffer:len() >= HEADER and buffer(0, HEADER):uint() or 1
    if announced == 0 or announced > LIMIT then
        root:add(minipki, buffer()):add_proto_expert_info(broken)
        return 0
    end
    dissect_tcp_pdus(buffer, root, HEADER, frame_length, dissect_frame)
    return buffer:len()
end

local ports = DissectorTable.get("tcp.port")
ports:add(9000, minipki)
ports:add(9101, minipki)
