"""Packets made and read by hand, and small probes over sockets. Every function runs in the calling thread's network
namespace."""

import contextlib
import ctypes
import fcntl
import ipaddress
import os
import select
import socket
import struct
import threading
import time

ETH_P_ALL = 0x0003
BROADCAST = "ff:ff:ff:ff:ff:ff"


# MARK: Building

def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(source, destination, kind, payload):
    return mac_bytes(destination) + mac_bytes(source) + struct.pack("!H", kind) + payload


def ipv4(source, destination, protocol, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(source, destination, protocol, payload, hops=255):
    return (struct.pack("!IHBB", 0x60000000, len(payload), protocol, hops) + ipaddress.ip_address(source).packed
            + ipaddress.ip_address(destination).packed + payload)


def pseudo(source, destination, protocol, length):
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version == 4:
        return source.packed + destination.packed + struct.pack("!BBH", 0, protocol, length)
    return source.packed + destination.packed + struct.pack("!II", length, protocol)


def udp(source, destination, source_port, destination_port, data):
    length = 8 + len(data)
    head = struct.pack("!HHHH", source_port, destination_port, length, 0)
    total = checksum(pseudo(source, destination, 17, length) + head + data) or 0xFFFF
    return head[:6] + struct.pack("!H", total) + data


def udp_frame(mac, destination_mac, source, destination, source_port, destination_port, data):
    """A whole frame with a UDP datagram of either version."""
    body = udp(source, destination, source_port, destination_port, data)
    if ":" in source:
        return ethernet(mac, destination_mac, 0x86DD, ipv6(source, destination, 17, body))
    return ethernet(mac, destination_mac, 0x0800, ipv4(source, destination, 17, body))


def icmp6(source, destination, kind, body):
    message = struct.pack("!BBH", kind, 0, 0) + body
    total = checksum(pseudo(source, destination, 58, len(message)) + message)
    return message[:2] + struct.pack("!H", total) + message[4:]


def link_local(mac):
    """The link-local address that a MAC address gives by EUI-64."""
    parts = mac_bytes(mac)
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + bytes([parts[0] ^ 2]) + parts[1:3] + b"\xff\xfe" + parts[3:]))


def eui64(prefix, mac):
    """The address that SLAAC gives a MAC address within a prefix."""
    network = ipaddress.ip_network(prefix)
    return str(ipaddress.IPv6Address(network.network_address.packed[:8] + ipaddress.ip_address(link_local(mac)).packed[8:]))


# MARK: Devices

def transmit_checksums_off(device):
    """Lets the kernel compute checksums itself: nobody does after it on a userspace data path."""
    value = ctypes.create_string_buffer(struct.pack("II", 0x17, 0))
    request = struct.pack("16sP16x", device.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, 0x8946, request)


def open_tap(device):
    """Opens a tap device as a hypervisor does."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, 0x400454CA, struct.pack("16sH22x", device.encode(), 0x1002))
    return descriptor


def packet_socket(device, kind=ETH_P_ALL):
    handle = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
    handle.setsockopt(263, 8, 1)
    handle.bind((device, kind))
    return handle


def receive_frame(handle, timeout):
    """The next frame, its VLAN tag put back where the kernel has taken it off; None if none comes."""
    if not select.select([handle], [], [], max(0, timeout))[0]:
        return None
    data, ancillary, _, _ = handle.recvmsg(65536, 256)
    for level, kind, value in ancillary:
        if level == 263 and kind == 8 and len(value) >= 20:
            status, _, _, _, _, tag, tpid = struct.unpack("IIIHHHH", value[:20])
            if status & 0x10:
                data = data[:12] + struct.pack("!HH", tpid or 0x8100, tag) + data[12:]
    return data


def announce(device, mac, address):
    """Tells everybody on the network who has an address, as who takes it over does (gratuitous ARP, RFC 5227)."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + mac_bytes(mac) + socket.inet_aton(address)
    send_frames(device, ethernet(mac, "ff:ff:ff:ff:ff:ff", 0x0806, body + b"\xff" * 6 + socket.inet_aton(address)))


def send_frames(device, *frames):
    with packet_socket(device) as handle:
        for frame in frames:
            handle.send(frame)


# MARK: Probes

def ping(destination, timeout=1.0, size=16, source=None, dont_fragment=False):
    """Whether an echo request is answered."""
    version = socket.AF_INET6 if ":" in destination else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if version == socket.AF_INET6 else socket.IPPROTO_ICMP
    ident = int.from_bytes(os.urandom(2), "big")
    kinds = (128, 129) if version == socket.AF_INET6 else (8, 0)
    request = struct.pack("!BBHHH", kinds[0], 0, 0, ident, 1) + bytes(size)
    if version == socket.AF_INET:
        request = request[:2] + struct.pack("!H", checksum(request)) + request[4:]
    with socket.socket(version, socket.SOCK_RAW, protocol) as handle:
        if source:
            handle.bind((source, 0))
        if dont_fragment:
            handle.setsockopt(socket.IPPROTO_IP, 10, 2)
        try:
            handle.sendto(request, socket.getaddrinfo(destination, 0, version)[0][4])
        except OSError:
            return False
        limit = time.monotonic() + timeout
        while select.select([handle], [], [], max(0, limit - time.monotonic()))[0]:
            answer = handle.recv(65536)
            if version == socket.AF_INET:
                answer = answer[(answer[0] & 15) * 4:]
            if answer[0] == kinds[1] and struct.unpack("!H", answer[4:6])[0] == ident:
                return True
    return False


def told_size(destination, size, timeout=10.0):
    """The largest packet that fits on the way, as routers tell who sends larger ones (RFC 1191); `size` until they do."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.setsockopt(socket.IPPROTO_IP, 10, 2)
        handle.connect((destination, 9))
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            with contextlib.suppress(OSError):
                handle.send(bytes(size - 28))
            time.sleep(0.2)
            if (told := handle.getsockopt(socket.IPPROTO_IP, 14)) < size:
                return told
    return size


def connect(destination, port, timeout=1.0, source=None):
    """A TCP connection, or None."""
    version = socket.AF_INET6 if ":" in destination else socket.AF_INET
    handle = socket.socket(version, socket.SOCK_STREAM)
    handle.settimeout(timeout)
    try:
        if source:
            handle.bind((source, 0))
        handle.connect((destination, port))
    except OSError:
        handle.close()
        return None
    return handle


def tcp_echo(destination, port, timeout=1.0, data=b"marker"):
    """What a TCP service answers to some bytes; None if there is no connection."""
    handle = connect(destination, port, timeout)
    if handle is None:
        return None
    with handle:
        return exchange(handle, data)


def exchange(handle, data):
    try:
        handle.sendall(data)
        return handle.recv(4096)
    except OSError:
        return None


def udp_echo(destination, port, timeout=0.7, data=b"marker"):
    version = socket.AF_INET6 if ":" in destination else socket.AF_INET
    with socket.socket(version, socket.SOCK_DGRAM) as handle:
        handle.settimeout(timeout)
        try:
            handle.sendto(data, (destination, port))
            return handle.recv(4096)
        except OSError:
            return None


def http_get(address, path, timeout=3.0, device=None, headers=()):
    """The status and body of an HTTP request made by hand; None if there is no connection."""
    target = socket.getaddrinfo(f"{address}%{device}" if device else address, 80, type=socket.SOCK_STREAM)[0]
    with socket.socket(target[0], socket.SOCK_STREAM) as handle:
        handle.settimeout(timeout)
        try:
            handle.connect(target[4])
            lines = [f"GET {path} HTTP/1.1", "Host: metadata", "Connection: close", *headers, "", ""]
            handle.sendall("\r\n".join(lines).encode())
            answer = b""
            while piece := handle.recv(65536):
                answer += piece
        except OSError:
            return None
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]), body) if head else None


class Service:
    """Echoes on a TCP and a UDP port, each answer preceded by the service's name and the peer's address."""

    def __init__(self, name, port, version=socket.AF_INET6):
        self.prefix = name.encode()
        self.tcp = socket.socket(version, socket.SOCK_STREAM)
        self.udp = socket.socket(version, socket.SOCK_DGRAM)
        self.received = 0
        self.lines = []
        for handle in (self.tcp, self.udp):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if version == socket.AF_INET6:
                handle.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            handle.bind(("", port))
        self.tcp.listen(16)
        self.open = [self.tcp, self.udp]
        self.stopped = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _answer(self, peer, data):
        return b"%s %s %s" % (self.prefix, peer[0].removeprefix("::ffff:").encode(), data)

    def _serve(self):
        while not self.stopped:
            for handle in select.select(self.open, [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    self._read(handle)

    def _read(self, handle):
        if handle is self.tcp:
            self.open.append(handle.accept()[0])
        elif handle is self.udp:
            data, peer = handle.recvfrom(65536)
            self.received += len(data)
            handle.sendto(self._answer(peer, data[:64]), peer)
        else:
            data = handle.recv(262144)
            self.received += len(data)
            if not data:
                self.open.remove(handle)
                handle.close()
            elif len(data) <= 64:
                handle.sendall(self._answer(handle.getpeername(), data))

    def close(self):
        self.stopped = True
        self.thread.join()
        for handle in self.open:
            handle.close()


class Sniffer:
    """Collects the frames on a device from its making to `close`."""

    def __init__(self, device):
        self.handle = packet_socket(device)
        self.frames = []
        self.stopped = False
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()

    def _collect(self):
        while not self.stopped:
            frame = receive_frame(self.handle, 0.05)
            if frame:
                self.frames.append(frame)

    def wait(self, condition, timeout=2.0):
        """The first frame that fulfils a condition; None if none comes."""
        limit, seen = time.monotonic() + timeout, 0
        while True:
            for frame in self.frames[seen:]:
                seen += 1
                if condition(frame):
                    return frame
            if time.monotonic() > limit:
                return None
            time.sleep(0.02)

    def close(self):
        self.stopped = True
        self.thread.join()
        self.handle.close()


# MARK: Address configuration

def dhcp_packet(mac, kind, transaction, options=b""):
    head = struct.pack("!BBBBIHH4s4s4s4s", 1, 1, 6, 0, transaction, 0, 0x8000, *[bytes(4)] * 4)
    body = head + mac_bytes(mac) + bytes(10 + 64 + 128) + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + options
    body += bytes([55, 8, 1, 3, 6, 12, 15, 26, 51, 121, 255])
    return udp_frame(mac, BROADCAST, "0.0.0.0", "255.255.255.255", 68, 67, body.ljust(300, b"\0"))


def dhcp_answer(frame, transaction):
    """The options of a DHCP answer, with `address`, `server_mac` and `type`; None for another frame."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 17 or frame[34:36] != b"\x00\x43":
        return None
    body = frame[42:]
    if len(body) < 240 or struct.unpack("!I", body[4:8])[0] != transaction:
        return None
    found = {"address": socket.inet_ntoa(body[16:20]), "server_mac": frame[6:12].hex(":")}
    position = 240
    while position + 1 < len(body) and body[position] != 255:
        if body[position] == 0:
            position += 1
            continue
        length = body[position + 1]
        found[body[position]] = body[position + 2:position + 2 + length]
        position += 2 + length
    found["type"] = found.get(53, b"\0")[0]
    return found


def dhcp4(device, mac, timeout=3.0):
    """Gets an address as a DHCP client does; returns the acknowledgement's options or None."""
    with packet_socket(device) as handle:
        transaction = int.from_bytes(os.urandom(4), "big")
        offer = dhcp_ask(handle, dhcp_packet(mac, 1, transaction), transaction, 2, timeout)
        if offer is None:
            return None
        wanted = bytes([50, 4]) + socket.inet_aton(offer["address"]) + bytes([54, 4]) + offer.get(54, bytes(4))
        return dhcp_ask(handle, dhcp_packet(mac, 3, transaction, wanted), transaction, 5, timeout)


def dhcp_ask(handle, request, transaction, kind, timeout):
    limit, sent = time.monotonic() + timeout, 0
    while time.monotonic() < limit:
        if time.monotonic() - sent > 0.7:
            handle.send(request)
            sent = time.monotonic()
        frame = receive_frame(handle, 0.1)
        answer = frame and dhcp_answer(frame, transaction)
        if answer and answer["type"] == kind:
            return answer
    return None


def classless_routes(data):
    """Option 121 (RFC 3442) as destinations with next hops."""
    routes, position = {}, 0
    while position < len(data):
        length = data[position]
        count = (length + 7) // 8
        network = socket.inet_ntoa(data[position + 1:position + 1 + count].ljust(4, b"\0"))
        hop = data[position + 1 + count:position + 5 + count]
        routes[f"{network}/{length}"] = socket.inet_ntoa(hop)
        position += 5 + count
    return routes


def router_advertisement(device, mac, timeout=3.0):
    """Asks for a router advertisement (RFC 4861); returns its flags and options or None."""
    own = link_local(mac)
    ask = ethernet(mac, "33:33:00:00:00:02", 0x86DD, ipv6(own, "ff02::2", 58, icmp6(
        own, "ff02::2", 133, bytes(4) + bytes([1, 1]) + mac_bytes(mac))))
    with packet_socket(device) as handle:
        limit, sent = time.monotonic() + timeout, 0
        while time.monotonic() < limit:
            if time.monotonic() - sent > 0.7:
                handle.send(ask)
                sent = time.monotonic()
            frame = receive_frame(handle, 0.1)
            if frame and frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 134:
                return parsed_advertisement(frame)
    return None


def parsed_advertisement(frame):
    body = frame[54:]
    found = {"managed": bool(body[5] & 0x80), "other": bool(body[5] & 0x40), "lifetime": struct.unpack("!H", body[6:8])[0],
             "prefixes": [], "mtu": None, "dns": [], "routes": [], "router": str(ipaddress.IPv6Address(frame[22:38]))}
    position = 16
    while position + 1 < len(body) and body[position + 1]:
        kind, length = body[position], body[position + 1] * 8
        option = body[position:position + length]
        if kind == 3:
            found["prefixes"].append((f"{ipaddress.IPv6Address(option[16:32])}/{option[2]}", bool(option[3] & 0x40)))
        elif kind == 5:
            found["mtu"] = struct.unpack("!I", option[4:8])[0]
        elif kind == 25:
            found["dns"] += [str(ipaddress.IPv6Address(option[at:at + 16])) for at in range(8, length, 16)]
        elif kind == 24:
            address = option[8:].ljust(16, b"\0")
            found["routes"].append(f"{ipaddress.IPv6Address(address)}/{option[2]}")
        position += length
    return found


def dhcp6(device, mac, stateful=True, timeout=3.0):
    """A DHCPv6 exchange (RFC 8415): SOLICIT for an address or INFORMATION-REQUEST; returns the answer's options."""
    own = link_local(mac)
    transaction = os.urandom(3)
    client = struct.pack("!HH", 1, 10) + struct.pack("!HH", 3, 1) + mac_bytes(mac)
    association = struct.pack("!HHIII", 3, 12, 1, 0, 0) if stateful else b""
    wanted = struct.pack("!HHHH", 6, 4, 23, 24) + struct.pack("!HHH", 8, 2, 0)
    message = bytes([1 if stateful else 11]) + transaction + client + association + wanted
    frame = udp_frame(mac, "33:33:00:01:00:02", own, "ff02::1:2", 546, 547, message)
    with packet_socket(device) as handle:
        limit, sent = time.monotonic() + timeout, 0
        while time.monotonic() < limit:
            if time.monotonic() - sent > 0.7:
                handle.send(frame)
                sent = time.monotonic()
            answer = receive_frame(handle, 0.1)
            if (answer and answer[12:14] == b"\x86\xdd" and answer[20] == 17 and answer[54:56] == b"\x02\x23"
                    and answer[63:66] == transaction):
                return dhcp6_options(answer[62], answer[66:])
    return None


def dhcp6_options(kind, data):
    found, position = {"type": kind}, 0
    while position + 4 <= len(data):
        code, length = struct.unpack("!HH", data[position:position + 4])
        value = data[position + 4:position + 4 + length]
        if code == 3 and len(value) >= 40:
            found["address"] = str(ipaddress.IPv6Address(value[16:32]))
        elif code == 23:
            found["dns"] = [str(ipaddress.IPv6Address(value[at:at + 16])) for at in range(0, length, 16)]
        else:
            found[code] = value
        position += 4 + length
    return found


def dns_name(data, position):
    """The name at a position of a DNS message, compressed or not."""
    parts = []
    while length := data[position]:
        if length >= 0xC0:
            position = struct.unpack("!H", data[position:position + 2])[0] & 0x3FFF
            continue
        parts.append(data[position + 1:position + 1 + length].decode())
        position += 1 + length
    return ".".join(parts)


def dns_query(server, name, kind=1, timeout=1.5):
    """The addresses, or names by kind 12, that a resolver gives for a name; None if it does not answer."""
    ident = os.urandom(2)
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split(".")) + b"\0"
    message = ident + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + question + struct.pack("!HH", kind, 1)
    version = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(version, socket.SOCK_DGRAM) as handle:
        handle.settimeout(timeout)
        try:
            handle.sendto(message, (server, 53))
            answer = handle.recv(4096)
        except OSError:
            return None
    count, position, found = struct.unpack("!H", answer[6:8])[0], len(message), []
    for _ in range(count):
        position += 2 if answer[position] >= 0xC0 else answer.index(b"\0", position) - position + 1
        record, _, _, length = struct.unpack("!HHIH", answer[position:position + 10])
        value = answer[position + 10:position + 10 + length]
        if record == kind:
            found.append(dns_name(answer, position + 10) if kind == 12 else str(ipaddress.ip_address(value)))
        position += 10 + length
    return found
