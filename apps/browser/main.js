var __create = Object.create;
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __getProtoOf = Object.getPrototypeOf;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __esm = (fn, res, err) => function __init() {
  if (err) throw err[0];
  try {
    return fn && (res = (0, fn[__getOwnPropNames(fn)[0]])(fn = 0)), res;
  } catch (e) {
    throw err = [e], e;
  }
};
var __commonJS = (cb, mod) => function __require() {
  try {
    return mod || (0, cb[__getOwnPropNames(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports;
  } catch (e) {
    throw mod = 0, e;
  }
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toESM = (mod, isNodeMode, target) => (target = mod != null ? __create(__getProtoOf(mod)) : {}, __copyProps(
  // If the importer is in node compatibility mode or this is not an ESM
  // file that has been converted to a CommonJS file using a Babel-
  // compatible transform (i.e. "__esModule" has not been set), then set
  // "default" to the CommonJS "module.exports" for node compatibility.
  isNodeMode || !mod || !mod.__esModule ? __defProp(target, "default", { value: mod, enumerable: true }) : target,
  mod
));

// ../../node_modules/.pnpm/base64-js@1.5.1/node_modules/base64-js/index.js
var require_base64_js = __commonJS({
  "../../node_modules/.pnpm/base64-js@1.5.1/node_modules/base64-js/index.js"(exports) {
    "use strict";
    init_globals();
    exports.byteLength = byteLength;
    exports.toByteArray = toByteArray;
    exports.fromByteArray = fromByteArray;
    var lookup = [];
    var revLookup = [];
    var Arr = typeof Uint8Array !== "undefined" ? Uint8Array : Array;
    var code = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (i = 0, len = code.length; i < len; ++i) {
      lookup[i] = code[i];
      revLookup[code.charCodeAt(i)] = i;
    }
    var i;
    var len;
    revLookup["-".charCodeAt(0)] = 62;
    revLookup["_".charCodeAt(0)] = 63;
    function getLens(b64) {
      var len2 = b64.length;
      if (len2 % 4 > 0) {
        throw new Error("Invalid string. Length must be a multiple of 4");
      }
      var validLen = b64.indexOf("=");
      if (validLen === -1) validLen = len2;
      var placeHoldersLen = validLen === len2 ? 0 : 4 - validLen % 4;
      return [validLen, placeHoldersLen];
    }
    function byteLength(b64) {
      var lens = getLens(b64);
      var validLen = lens[0];
      var placeHoldersLen = lens[1];
      return (validLen + placeHoldersLen) * 3 / 4 - placeHoldersLen;
    }
    function _byteLength(b64, validLen, placeHoldersLen) {
      return (validLen + placeHoldersLen) * 3 / 4 - placeHoldersLen;
    }
    function toByteArray(b64) {
      var tmp;
      var lens = getLens(b64);
      var validLen = lens[0];
      var placeHoldersLen = lens[1];
      var arr = new Arr(_byteLength(b64, validLen, placeHoldersLen));
      var curByte = 0;
      var len2 = placeHoldersLen > 0 ? validLen - 4 : validLen;
      var i2;
      for (i2 = 0; i2 < len2; i2 += 4) {
        tmp = revLookup[b64.charCodeAt(i2)] << 18 | revLookup[b64.charCodeAt(i2 + 1)] << 12 | revLookup[b64.charCodeAt(i2 + 2)] << 6 | revLookup[b64.charCodeAt(i2 + 3)];
        arr[curByte++] = tmp >> 16 & 255;
        arr[curByte++] = tmp >> 8 & 255;
        arr[curByte++] = tmp & 255;
      }
      if (placeHoldersLen === 2) {
        tmp = revLookup[b64.charCodeAt(i2)] << 2 | revLookup[b64.charCodeAt(i2 + 1)] >> 4;
        arr[curByte++] = tmp & 255;
      }
      if (placeHoldersLen === 1) {
        tmp = revLookup[b64.charCodeAt(i2)] << 10 | revLookup[b64.charCodeAt(i2 + 1)] << 4 | revLookup[b64.charCodeAt(i2 + 2)] >> 2;
        arr[curByte++] = tmp >> 8 & 255;
        arr[curByte++] = tmp & 255;
      }
      return arr;
    }
    function tripletToBase64(num) {
      return lookup[num >> 18 & 63] + lookup[num >> 12 & 63] + lookup[num >> 6 & 63] + lookup[num & 63];
    }
    function encodeChunk(uint8, start, end) {
      var tmp;
      var output = [];
      for (var i2 = start; i2 < end; i2 += 3) {
        tmp = (uint8[i2] << 16 & 16711680) + (uint8[i2 + 1] << 8 & 65280) + (uint8[i2 + 2] & 255);
        output.push(tripletToBase64(tmp));
      }
      return output.join("");
    }
    function fromByteArray(uint8) {
      var tmp;
      var len2 = uint8.length;
      var extraBytes = len2 % 3;
      var parts = [];
      var maxChunkLength = 16383;
      for (var i2 = 0, len22 = len2 - extraBytes; i2 < len22; i2 += maxChunkLength) {
        parts.push(encodeChunk(uint8, i2, i2 + maxChunkLength > len22 ? len22 : i2 + maxChunkLength));
      }
      if (extraBytes === 1) {
        tmp = uint8[len2 - 1];
        parts.push(
          lookup[tmp >> 2] + lookup[tmp << 4 & 63] + "=="
        );
      } else if (extraBytes === 2) {
        tmp = (uint8[len2 - 2] << 8) + uint8[len2 - 1];
        parts.push(
          lookup[tmp >> 10] + lookup[tmp >> 4 & 63] + lookup[tmp << 2 & 63] + "="
        );
      }
      return parts.join("");
    }
  }
});

// ../../node_modules/.pnpm/ieee754@1.2.1/node_modules/ieee754/index.js
var require_ieee754 = __commonJS({
  "../../node_modules/.pnpm/ieee754@1.2.1/node_modules/ieee754/index.js"(exports) {
    init_globals();
    exports.read = function(buffer, offset, isLE, mLen, nBytes) {
      var e, m;
      var eLen = nBytes * 8 - mLen - 1;
      var eMax = (1 << eLen) - 1;
      var eBias = eMax >> 1;
      var nBits = -7;
      var i = isLE ? nBytes - 1 : 0;
      var d3 = isLE ? -1 : 1;
      var s = buffer[offset + i];
      i += d3;
      e = s & (1 << -nBits) - 1;
      s >>= -nBits;
      nBits += eLen;
      for (; nBits > 0; e = e * 256 + buffer[offset + i], i += d3, nBits -= 8) {
      }
      m = e & (1 << -nBits) - 1;
      e >>= -nBits;
      nBits += mLen;
      for (; nBits > 0; m = m * 256 + buffer[offset + i], i += d3, nBits -= 8) {
      }
      if (e === 0) {
        e = 1 - eBias;
      } else if (e === eMax) {
        return m ? NaN : (s ? -1 : 1) * Infinity;
      } else {
        m = m + Math.pow(2, mLen);
        e = e - eBias;
      }
      return (s ? -1 : 1) * m * Math.pow(2, e - mLen);
    };
    exports.write = function(buffer, value, offset, isLE, mLen, nBytes) {
      var e, m, c;
      var eLen = nBytes * 8 - mLen - 1;
      var eMax = (1 << eLen) - 1;
      var eBias = eMax >> 1;
      var rt = mLen === 23 ? Math.pow(2, -24) - Math.pow(2, -77) : 0;
      var i = isLE ? 0 : nBytes - 1;
      var d3 = isLE ? 1 : -1;
      var s = value < 0 || value === 0 && 1 / value < 0 ? 1 : 0;
      value = Math.abs(value);
      if (isNaN(value) || value === Infinity) {
        m = isNaN(value) ? 1 : 0;
        e = eMax;
      } else {
        e = Math.floor(Math.log(value) / Math.LN2);
        if (value * (c = Math.pow(2, -e)) < 1) {
          e--;
          c *= 2;
        }
        if (e + eBias >= 1) {
          value += rt / c;
        } else {
          value += rt * Math.pow(2, 1 - eBias);
        }
        if (value * c >= 2) {
          e++;
          c /= 2;
        }
        if (e + eBias >= eMax) {
          m = 0;
          e = eMax;
        } else if (e + eBias >= 1) {
          m = (value * c - 1) * Math.pow(2, mLen);
          e = e + eBias;
        } else {
          m = value * Math.pow(2, eBias - 1) * Math.pow(2, mLen);
          e = 0;
        }
      }
      for (; mLen >= 8; buffer[offset + i] = m & 255, i += d3, m /= 256, mLen -= 8) {
      }
      e = e << mLen | m;
      eLen += mLen;
      for (; eLen > 0; buffer[offset + i] = e & 255, i += d3, e /= 256, eLen -= 8) {
      }
      buffer[offset + i - d3] |= s * 128;
    };
  }
});

// ../../node_modules/.pnpm/buffer@6.0.3/node_modules/buffer/index.js
var require_buffer = __commonJS({
  "../../node_modules/.pnpm/buffer@6.0.3/node_modules/buffer/index.js"(exports) {
    "use strict";
    init_globals();
    var base64 = require_base64_js();
    var ieee754 = require_ieee754();
    var customInspectSymbol = typeof Symbol === "function" && typeof Symbol["for"] === "function" ? Symbol["for"]("nodejs.util.inspect.custom") : null;
    exports.Buffer = Buffer4;
    exports.SlowBuffer = SlowBuffer;
    exports.INSPECT_MAX_BYTES = 50;
    var K_MAX_LENGTH = 2147483647;
    exports.kMaxLength = K_MAX_LENGTH;
    Buffer4.TYPED_ARRAY_SUPPORT = typedArraySupport();
    if (!Buffer4.TYPED_ARRAY_SUPPORT && typeof console !== "undefined" && typeof console.error === "function") {
      console.error(
        "This browser lacks typed array (Uint8Array) support which is required by `buffer` v5.x. Use `buffer` v4.x if you require old browser support."
      );
    }
    function typedArraySupport() {
      try {
        const arr = new Uint8Array(1);
        const proto = { foo: function() {
          return 42;
        } };
        Object.setPrototypeOf(proto, Uint8Array.prototype);
        Object.setPrototypeOf(arr, proto);
        return arr.foo() === 42;
      } catch (e) {
        return false;
      }
    }
    Object.defineProperty(Buffer4.prototype, "parent", {
      enumerable: true,
      get: function() {
        if (!Buffer4.isBuffer(this)) return void 0;
        return this.buffer;
      }
    });
    Object.defineProperty(Buffer4.prototype, "offset", {
      enumerable: true,
      get: function() {
        if (!Buffer4.isBuffer(this)) return void 0;
        return this.byteOffset;
      }
    });
    function createBuffer(length) {
      if (length > K_MAX_LENGTH) {
        throw new RangeError('The value "' + length + '" is invalid for option "size"');
      }
      const buf = new Uint8Array(length);
      Object.setPrototypeOf(buf, Buffer4.prototype);
      return buf;
    }
    function Buffer4(arg, encodingOrOffset, length) {
      if (typeof arg === "number") {
        if (typeof encodingOrOffset === "string") {
          throw new TypeError(
            'The "string" argument must be of type string. Received type number'
          );
        }
        return allocUnsafe(arg);
      }
      return from(arg, encodingOrOffset, length);
    }
    Buffer4.poolSize = 8192;
    function from(value, encodingOrOffset, length) {
      if (typeof value === "string") {
        return fromString(value, encodingOrOffset);
      }
      if (ArrayBuffer.isView(value)) {
        return fromArrayView(value);
      }
      if (value == null) {
        throw new TypeError(
          "The first argument must be one of type string, Buffer, ArrayBuffer, Array, or Array-like Object. Received type " + typeof value
        );
      }
      if (isInstance(value, ArrayBuffer) || value && isInstance(value.buffer, ArrayBuffer)) {
        return fromArrayBuffer(value, encodingOrOffset, length);
      }
      if (typeof SharedArrayBuffer !== "undefined" && (isInstance(value, SharedArrayBuffer) || value && isInstance(value.buffer, SharedArrayBuffer))) {
        return fromArrayBuffer(value, encodingOrOffset, length);
      }
      if (typeof value === "number") {
        throw new TypeError(
          'The "value" argument must not be of type number. Received type number'
        );
      }
      const valueOf2 = value.valueOf && value.valueOf();
      if (valueOf2 != null && valueOf2 !== value) {
        return Buffer4.from(valueOf2, encodingOrOffset, length);
      }
      const b = fromObject(value);
      if (b) return b;
      if (typeof Symbol !== "undefined" && Symbol.toPrimitive != null && typeof value[Symbol.toPrimitive] === "function") {
        return Buffer4.from(value[Symbol.toPrimitive]("string"), encodingOrOffset, length);
      }
      throw new TypeError(
        "The first argument must be one of type string, Buffer, ArrayBuffer, Array, or Array-like Object. Received type " + typeof value
      );
    }
    Buffer4.from = function(value, encodingOrOffset, length) {
      return from(value, encodingOrOffset, length);
    };
    Object.setPrototypeOf(Buffer4.prototype, Uint8Array.prototype);
    Object.setPrototypeOf(Buffer4, Uint8Array);
    function assertSize(size) {
      if (typeof size !== "number") {
        throw new TypeError('"size" argument must be of type number');
      } else if (size < 0) {
        throw new RangeError('The value "' + size + '" is invalid for option "size"');
      }
    }
    function alloc(size, fill, encoding) {
      assertSize(size);
      if (size <= 0) {
        return createBuffer(size);
      }
      if (fill !== void 0) {
        return typeof encoding === "string" ? createBuffer(size).fill(fill, encoding) : createBuffer(size).fill(fill);
      }
      return createBuffer(size);
    }
    Buffer4.alloc = function(size, fill, encoding) {
      return alloc(size, fill, encoding);
    };
    function allocUnsafe(size) {
      assertSize(size);
      return createBuffer(size < 0 ? 0 : checked(size) | 0);
    }
    Buffer4.allocUnsafe = function(size) {
      return allocUnsafe(size);
    };
    Buffer4.allocUnsafeSlow = function(size) {
      return allocUnsafe(size);
    };
    function fromString(string, encoding) {
      if (typeof encoding !== "string" || encoding === "") {
        encoding = "utf8";
      }
      if (!Buffer4.isEncoding(encoding)) {
        throw new TypeError("Unknown encoding: " + encoding);
      }
      const length = byteLength(string, encoding) | 0;
      let buf = createBuffer(length);
      const actual = buf.write(string, encoding);
      if (actual !== length) {
        buf = buf.slice(0, actual);
      }
      return buf;
    }
    function fromArrayLike(array) {
      const length = array.length < 0 ? 0 : checked(array.length) | 0;
      const buf = createBuffer(length);
      for (let i = 0; i < length; i += 1) {
        buf[i] = array[i] & 255;
      }
      return buf;
    }
    function fromArrayView(arrayView) {
      if (isInstance(arrayView, Uint8Array)) {
        const copy = new Uint8Array(arrayView);
        return fromArrayBuffer(copy.buffer, copy.byteOffset, copy.byteLength);
      }
      return fromArrayLike(arrayView);
    }
    function fromArrayBuffer(array, byteOffset, length) {
      if (byteOffset < 0 || array.byteLength < byteOffset) {
        throw new RangeError('"offset" is outside of buffer bounds');
      }
      if (array.byteLength < byteOffset + (length || 0)) {
        throw new RangeError('"length" is outside of buffer bounds');
      }
      let buf;
      if (byteOffset === void 0 && length === void 0) {
        buf = new Uint8Array(array);
      } else if (length === void 0) {
        buf = new Uint8Array(array, byteOffset);
      } else {
        buf = new Uint8Array(array, byteOffset, length);
      }
      Object.setPrototypeOf(buf, Buffer4.prototype);
      return buf;
    }
    function fromObject(obj) {
      if (Buffer4.isBuffer(obj)) {
        const len = checked(obj.length) | 0;
        const buf = createBuffer(len);
        if (buf.length === 0) {
          return buf;
        }
        obj.copy(buf, 0, 0, len);
        return buf;
      }
      if (obj.length !== void 0) {
        if (typeof obj.length !== "number" || numberIsNaN(obj.length)) {
          return createBuffer(0);
        }
        return fromArrayLike(obj);
      }
      if (obj.type === "Buffer" && Array.isArray(obj.data)) {
        return fromArrayLike(obj.data);
      }
    }
    function checked(length) {
      if (length >= K_MAX_LENGTH) {
        throw new RangeError("Attempt to allocate Buffer larger than maximum size: 0x" + K_MAX_LENGTH.toString(16) + " bytes");
      }
      return length | 0;
    }
    function SlowBuffer(length) {
      if (+length != length) {
        length = 0;
      }
      return Buffer4.alloc(+length);
    }
    Buffer4.isBuffer = function isBuffer(b) {
      return b != null && b._isBuffer === true && b !== Buffer4.prototype;
    };
    Buffer4.compare = function compare(a, b) {
      if (isInstance(a, Uint8Array)) a = Buffer4.from(a, a.offset, a.byteLength);
      if (isInstance(b, Uint8Array)) b = Buffer4.from(b, b.offset, b.byteLength);
      if (!Buffer4.isBuffer(a) || !Buffer4.isBuffer(b)) {
        throw new TypeError(
          'The "buf1", "buf2" arguments must be one of type Buffer or Uint8Array'
        );
      }
      if (a === b) return 0;
      let x2 = a.length;
      let y = b.length;
      for (let i = 0, len = Math.min(x2, y); i < len; ++i) {
        if (a[i] !== b[i]) {
          x2 = a[i];
          y = b[i];
          break;
        }
      }
      if (x2 < y) return -1;
      if (y < x2) return 1;
      return 0;
    };
    Buffer4.isEncoding = function isEncoding(encoding) {
      switch (String(encoding).toLowerCase()) {
        case "hex":
        case "utf8":
        case "utf-8":
        case "ascii":
        case "latin1":
        case "binary":
        case "base64":
        case "ucs2":
        case "ucs-2":
        case "utf16le":
        case "utf-16le":
          return true;
        default:
          return false;
      }
    };
    Buffer4.concat = function concat2(list, length) {
      if (!Array.isArray(list)) {
        throw new TypeError('"list" argument must be an Array of Buffers');
      }
      if (list.length === 0) {
        return Buffer4.alloc(0);
      }
      let i;
      if (length === void 0) {
        length = 0;
        for (i = 0; i < list.length; ++i) {
          length += list[i].length;
        }
      }
      const buffer = Buffer4.allocUnsafe(length);
      let pos = 0;
      for (i = 0; i < list.length; ++i) {
        let buf = list[i];
        if (isInstance(buf, Uint8Array)) {
          if (pos + buf.length > buffer.length) {
            if (!Buffer4.isBuffer(buf)) buf = Buffer4.from(buf);
            buf.copy(buffer, pos);
          } else {
            Uint8Array.prototype.set.call(
              buffer,
              buf,
              pos
            );
          }
        } else if (!Buffer4.isBuffer(buf)) {
          throw new TypeError('"list" argument must be an Array of Buffers');
        } else {
          buf.copy(buffer, pos);
        }
        pos += buf.length;
      }
      return buffer;
    };
    function byteLength(string, encoding) {
      if (Buffer4.isBuffer(string)) {
        return string.length;
      }
      if (ArrayBuffer.isView(string) || isInstance(string, ArrayBuffer)) {
        return string.byteLength;
      }
      if (typeof string !== "string") {
        throw new TypeError(
          'The "string" argument must be one of type string, Buffer, or ArrayBuffer. Received type ' + typeof string
        );
      }
      const len = string.length;
      const mustMatch = arguments.length > 2 && arguments[2] === true;
      if (!mustMatch && len === 0) return 0;
      let loweredCase = false;
      for (; ; ) {
        switch (encoding) {
          case "ascii":
          case "latin1":
          case "binary":
            return len;
          case "utf8":
          case "utf-8":
            return utf8ToBytes(string).length;
          case "ucs2":
          case "ucs-2":
          case "utf16le":
          case "utf-16le":
            return len * 2;
          case "hex":
            return len >>> 1;
          case "base64":
            return base64ToBytes(string).length;
          default:
            if (loweredCase) {
              return mustMatch ? -1 : utf8ToBytes(string).length;
            }
            encoding = ("" + encoding).toLowerCase();
            loweredCase = true;
        }
      }
    }
    Buffer4.byteLength = byteLength;
    function slowToString(encoding, start, end) {
      let loweredCase = false;
      if (start === void 0 || start < 0) {
        start = 0;
      }
      if (start > this.length) {
        return "";
      }
      if (end === void 0 || end > this.length) {
        end = this.length;
      }
      if (end <= 0) {
        return "";
      }
      end >>>= 0;
      start >>>= 0;
      if (end <= start) {
        return "";
      }
      if (!encoding) encoding = "utf8";
      while (true) {
        switch (encoding) {
          case "hex":
            return hexSlice(this, start, end);
          case "utf8":
          case "utf-8":
            return utf8Slice(this, start, end);
          case "ascii":
            return asciiSlice(this, start, end);
          case "latin1":
          case "binary":
            return latin1Slice(this, start, end);
          case "base64":
            return base64Slice(this, start, end);
          case "ucs2":
          case "ucs-2":
          case "utf16le":
          case "utf-16le":
            return utf16leSlice(this, start, end);
          default:
            if (loweredCase) throw new TypeError("Unknown encoding: " + encoding);
            encoding = (encoding + "").toLowerCase();
            loweredCase = true;
        }
      }
    }
    Buffer4.prototype._isBuffer = true;
    function swap(b, n, m) {
      const i = b[n];
      b[n] = b[m];
      b[m] = i;
    }
    Buffer4.prototype.swap16 = function swap16() {
      const len = this.length;
      if (len % 2 !== 0) {
        throw new RangeError("Buffer size must be a multiple of 16-bits");
      }
      for (let i = 0; i < len; i += 2) {
        swap(this, i, i + 1);
      }
      return this;
    };
    Buffer4.prototype.swap32 = function swap32() {
      const len = this.length;
      if (len % 4 !== 0) {
        throw new RangeError("Buffer size must be a multiple of 32-bits");
      }
      for (let i = 0; i < len; i += 4) {
        swap(this, i, i + 3);
        swap(this, i + 1, i + 2);
      }
      return this;
    };
    Buffer4.prototype.swap64 = function swap64() {
      const len = this.length;
      if (len % 8 !== 0) {
        throw new RangeError("Buffer size must be a multiple of 64-bits");
      }
      for (let i = 0; i < len; i += 8) {
        swap(this, i, i + 7);
        swap(this, i + 1, i + 6);
        swap(this, i + 2, i + 5);
        swap(this, i + 3, i + 4);
      }
      return this;
    };
    Buffer4.prototype.toString = function toString() {
      const length = this.length;
      if (length === 0) return "";
      if (arguments.length === 0) return utf8Slice(this, 0, length);
      return slowToString.apply(this, arguments);
    };
    Buffer4.prototype.toLocaleString = Buffer4.prototype.toString;
    Buffer4.prototype.equals = function equals(b) {
      if (!Buffer4.isBuffer(b)) throw new TypeError("Argument must be a Buffer");
      if (this === b) return true;
      return Buffer4.compare(this, b) === 0;
    };
    Buffer4.prototype.inspect = function inspect() {
      let str = "";
      const max = exports.INSPECT_MAX_BYTES;
      str = this.toString("hex", 0, max).replace(/(.{2})/g, "$1 ").trim();
      if (this.length > max) str += " ... ";
      return "<Buffer " + str + ">";
    };
    if (customInspectSymbol) {
      Buffer4.prototype[customInspectSymbol] = Buffer4.prototype.inspect;
    }
    Buffer4.prototype.compare = function compare(target, start, end, thisStart, thisEnd) {
      if (isInstance(target, Uint8Array)) {
        target = Buffer4.from(target, target.offset, target.byteLength);
      }
      if (!Buffer4.isBuffer(target)) {
        throw new TypeError(
          'The "target" argument must be one of type Buffer or Uint8Array. Received type ' + typeof target
        );
      }
      if (start === void 0) {
        start = 0;
      }
      if (end === void 0) {
        end = target ? target.length : 0;
      }
      if (thisStart === void 0) {
        thisStart = 0;
      }
      if (thisEnd === void 0) {
        thisEnd = this.length;
      }
      if (start < 0 || end > target.length || thisStart < 0 || thisEnd > this.length) {
        throw new RangeError("out of range index");
      }
      if (thisStart >= thisEnd && start >= end) {
        return 0;
      }
      if (thisStart >= thisEnd) {
        return -1;
      }
      if (start >= end) {
        return 1;
      }
      start >>>= 0;
      end >>>= 0;
      thisStart >>>= 0;
      thisEnd >>>= 0;
      if (this === target) return 0;
      let x2 = thisEnd - thisStart;
      let y = end - start;
      const len = Math.min(x2, y);
      const thisCopy = this.slice(thisStart, thisEnd);
      const targetCopy = target.slice(start, end);
      for (let i = 0; i < len; ++i) {
        if (thisCopy[i] !== targetCopy[i]) {
          x2 = thisCopy[i];
          y = targetCopy[i];
          break;
        }
      }
      if (x2 < y) return -1;
      if (y < x2) return 1;
      return 0;
    };
    function bidirectionalIndexOf(buffer, val, byteOffset, encoding, dir) {
      if (buffer.length === 0) return -1;
      if (typeof byteOffset === "string") {
        encoding = byteOffset;
        byteOffset = 0;
      } else if (byteOffset > 2147483647) {
        byteOffset = 2147483647;
      } else if (byteOffset < -2147483648) {
        byteOffset = -2147483648;
      }
      byteOffset = +byteOffset;
      if (numberIsNaN(byteOffset)) {
        byteOffset = dir ? 0 : buffer.length - 1;
      }
      if (byteOffset < 0) byteOffset = buffer.length + byteOffset;
      if (byteOffset >= buffer.length) {
        if (dir) return -1;
        else byteOffset = buffer.length - 1;
      } else if (byteOffset < 0) {
        if (dir) byteOffset = 0;
        else return -1;
      }
      if (typeof val === "string") {
        val = Buffer4.from(val, encoding);
      }
      if (Buffer4.isBuffer(val)) {
        if (val.length === 0) {
          return -1;
        }
        return arrayIndexOf(buffer, val, byteOffset, encoding, dir);
      } else if (typeof val === "number") {
        val = val & 255;
        if (typeof Uint8Array.prototype.indexOf === "function") {
          if (dir) {
            return Uint8Array.prototype.indexOf.call(buffer, val, byteOffset);
          } else {
            return Uint8Array.prototype.lastIndexOf.call(buffer, val, byteOffset);
          }
        }
        return arrayIndexOf(buffer, [val], byteOffset, encoding, dir);
      }
      throw new TypeError("val must be string, number or Buffer");
    }
    function arrayIndexOf(arr, val, byteOffset, encoding, dir) {
      let indexSize = 1;
      let arrLength = arr.length;
      let valLength = val.length;
      if (encoding !== void 0) {
        encoding = String(encoding).toLowerCase();
        if (encoding === "ucs2" || encoding === "ucs-2" || encoding === "utf16le" || encoding === "utf-16le") {
          if (arr.length < 2 || val.length < 2) {
            return -1;
          }
          indexSize = 2;
          arrLength /= 2;
          valLength /= 2;
          byteOffset /= 2;
        }
      }
      function read3(buf, i2) {
        if (indexSize === 1) {
          return buf[i2];
        } else {
          return buf.readUInt16BE(i2 * indexSize);
        }
      }
      let i;
      if (dir) {
        let foundIndex = -1;
        for (i = byteOffset; i < arrLength; i++) {
          if (read3(arr, i) === read3(val, foundIndex === -1 ? 0 : i - foundIndex)) {
            if (foundIndex === -1) foundIndex = i;
            if (i - foundIndex + 1 === valLength) return foundIndex * indexSize;
          } else {
            if (foundIndex !== -1) i -= i - foundIndex;
            foundIndex = -1;
          }
        }
      } else {
        if (byteOffset + valLength > arrLength) byteOffset = arrLength - valLength;
        for (i = byteOffset; i >= 0; i--) {
          let found = true;
          for (let j2 = 0; j2 < valLength; j2++) {
            if (read3(arr, i + j2) !== read3(val, j2)) {
              found = false;
              break;
            }
          }
          if (found) return i;
        }
      }
      return -1;
    }
    Buffer4.prototype.includes = function includes(val, byteOffset, encoding) {
      return this.indexOf(val, byteOffset, encoding) !== -1;
    };
    Buffer4.prototype.indexOf = function indexOf(val, byteOffset, encoding) {
      return bidirectionalIndexOf(this, val, byteOffset, encoding, true);
    };
    Buffer4.prototype.lastIndexOf = function lastIndexOf(val, byteOffset, encoding) {
      return bidirectionalIndexOf(this, val, byteOffset, encoding, false);
    };
    function hexWrite(buf, string, offset, length) {
      offset = Number(offset) || 0;
      const remaining = buf.length - offset;
      if (!length) {
        length = remaining;
      } else {
        length = Number(length);
        if (length > remaining) {
          length = remaining;
        }
      }
      const strLen = string.length;
      if (length > strLen / 2) {
        length = strLen / 2;
      }
      let i;
      for (i = 0; i < length; ++i) {
        const parsed = parseInt(string.substr(i * 2, 2), 16);
        if (numberIsNaN(parsed)) return i;
        buf[offset + i] = parsed;
      }
      return i;
    }
    function utf8Write(buf, string, offset, length) {
      return blitBuffer(utf8ToBytes(string, buf.length - offset), buf, offset, length);
    }
    function asciiWrite(buf, string, offset, length) {
      return blitBuffer(asciiToBytes(string), buf, offset, length);
    }
    function base64Write(buf, string, offset, length) {
      return blitBuffer(base64ToBytes(string), buf, offset, length);
    }
    function ucs2Write(buf, string, offset, length) {
      return blitBuffer(utf16leToBytes(string, buf.length - offset), buf, offset, length);
    }
    Buffer4.prototype.write = function write2(string, offset, length, encoding) {
      if (offset === void 0) {
        encoding = "utf8";
        length = this.length;
        offset = 0;
      } else if (length === void 0 && typeof offset === "string") {
        encoding = offset;
        length = this.length;
        offset = 0;
      } else if (isFinite(offset)) {
        offset = offset >>> 0;
        if (isFinite(length)) {
          length = length >>> 0;
          if (encoding === void 0) encoding = "utf8";
        } else {
          encoding = length;
          length = void 0;
        }
      } else {
        throw new Error(
          "Buffer.write(string, encoding, offset[, length]) is no longer supported"
        );
      }
      const remaining = this.length - offset;
      if (length === void 0 || length > remaining) length = remaining;
      if (string.length > 0 && (length < 0 || offset < 0) || offset > this.length) {
        throw new RangeError("Attempt to write outside buffer bounds");
      }
      if (!encoding) encoding = "utf8";
      let loweredCase = false;
      for (; ; ) {
        switch (encoding) {
          case "hex":
            return hexWrite(this, string, offset, length);
          case "utf8":
          case "utf-8":
            return utf8Write(this, string, offset, length);
          case "ascii":
          case "latin1":
          case "binary":
            return asciiWrite(this, string, offset, length);
          case "base64":
            return base64Write(this, string, offset, length);
          case "ucs2":
          case "ucs-2":
          case "utf16le":
          case "utf-16le":
            return ucs2Write(this, string, offset, length);
          default:
            if (loweredCase) throw new TypeError("Unknown encoding: " + encoding);
            encoding = ("" + encoding).toLowerCase();
            loweredCase = true;
        }
      }
    };
    Buffer4.prototype.toJSON = function toJSON() {
      return {
        type: "Buffer",
        data: Array.prototype.slice.call(this._arr || this, 0)
      };
    };
    function base64Slice(buf, start, end) {
      if (start === 0 && end === buf.length) {
        return base64.fromByteArray(buf);
      } else {
        return base64.fromByteArray(buf.slice(start, end));
      }
    }
    function utf8Slice(buf, start, end) {
      end = Math.min(buf.length, end);
      const res = [];
      let i = start;
      while (i < end) {
        const firstByte = buf[i];
        let codePoint = null;
        let bytesPerSequence = firstByte > 239 ? 4 : firstByte > 223 ? 3 : firstByte > 191 ? 2 : 1;
        if (i + bytesPerSequence <= end) {
          let secondByte, thirdByte, fourthByte, tempCodePoint;
          switch (bytesPerSequence) {
            case 1:
              if (firstByte < 128) {
                codePoint = firstByte;
              }
              break;
            case 2:
              secondByte = buf[i + 1];
              if ((secondByte & 192) === 128) {
                tempCodePoint = (firstByte & 31) << 6 | secondByte & 63;
                if (tempCodePoint > 127) {
                  codePoint = tempCodePoint;
                }
              }
              break;
            case 3:
              secondByte = buf[i + 1];
              thirdByte = buf[i + 2];
              if ((secondByte & 192) === 128 && (thirdByte & 192) === 128) {
                tempCodePoint = (firstByte & 15) << 12 | (secondByte & 63) << 6 | thirdByte & 63;
                if (tempCodePoint > 2047 && (tempCodePoint < 55296 || tempCodePoint > 57343)) {
                  codePoint = tempCodePoint;
                }
              }
              break;
            case 4:
              secondByte = buf[i + 1];
              thirdByte = buf[i + 2];
              fourthByte = buf[i + 3];
              if ((secondByte & 192) === 128 && (thirdByte & 192) === 128 && (fourthByte & 192) === 128) {
                tempCodePoint = (firstByte & 15) << 18 | (secondByte & 63) << 12 | (thirdByte & 63) << 6 | fourthByte & 63;
                if (tempCodePoint > 65535 && tempCodePoint < 1114112) {
                  codePoint = tempCodePoint;
                }
              }
          }
        }
        if (codePoint === null) {
          codePoint = 65533;
          bytesPerSequence = 1;
        } else if (codePoint > 65535) {
          codePoint -= 65536;
          res.push(codePoint >>> 10 & 1023 | 55296);
          codePoint = 56320 | codePoint & 1023;
        }
        res.push(codePoint);
        i += bytesPerSequence;
      }
      return decodeCodePointsArray(res);
    }
    var MAX_ARGUMENTS_LENGTH = 4096;
    function decodeCodePointsArray(codePoints) {
      const len = codePoints.length;
      if (len <= MAX_ARGUMENTS_LENGTH) {
        return String.fromCharCode.apply(String, codePoints);
      }
      let res = "";
      let i = 0;
      while (i < len) {
        res += String.fromCharCode.apply(
          String,
          codePoints.slice(i, i += MAX_ARGUMENTS_LENGTH)
        );
      }
      return res;
    }
    function asciiSlice(buf, start, end) {
      let ret = "";
      end = Math.min(buf.length, end);
      for (let i = start; i < end; ++i) {
        ret += String.fromCharCode(buf[i] & 127);
      }
      return ret;
    }
    function latin1Slice(buf, start, end) {
      let ret = "";
      end = Math.min(buf.length, end);
      for (let i = start; i < end; ++i) {
        ret += String.fromCharCode(buf[i]);
      }
      return ret;
    }
    function hexSlice(buf, start, end) {
      const len = buf.length;
      if (!start || start < 0) start = 0;
      if (!end || end < 0 || end > len) end = len;
      let out = "";
      for (let i = start; i < end; ++i) {
        out += hexSliceLookupTable[buf[i]];
      }
      return out;
    }
    function utf16leSlice(buf, start, end) {
      const bytes2 = buf.slice(start, end);
      let res = "";
      for (let i = 0; i < bytes2.length - 1; i += 2) {
        res += String.fromCharCode(bytes2[i] + bytes2[i + 1] * 256);
      }
      return res;
    }
    Buffer4.prototype.slice = function slice2(start, end) {
      const len = this.length;
      start = ~~start;
      end = end === void 0 ? len : ~~end;
      if (start < 0) {
        start += len;
        if (start < 0) start = 0;
      } else if (start > len) {
        start = len;
      }
      if (end < 0) {
        end += len;
        if (end < 0) end = 0;
      } else if (end > len) {
        end = len;
      }
      if (end < start) end = start;
      const newBuf = this.subarray(start, end);
      Object.setPrototypeOf(newBuf, Buffer4.prototype);
      return newBuf;
    };
    function checkOffset(offset, ext, length) {
      if (offset % 1 !== 0 || offset < 0) throw new RangeError("offset is not uint");
      if (offset + ext > length) throw new RangeError("Trying to access beyond buffer length");
    }
    Buffer4.prototype.readUintLE = Buffer4.prototype.readUIntLE = function readUIntLE(offset, byteLength2, noAssert) {
      offset = offset >>> 0;
      byteLength2 = byteLength2 >>> 0;
      if (!noAssert) checkOffset(offset, byteLength2, this.length);
      let val = this[offset];
      let mul = 1;
      let i = 0;
      while (++i < byteLength2 && (mul *= 256)) {
        val += this[offset + i] * mul;
      }
      return val;
    };
    Buffer4.prototype.readUintBE = Buffer4.prototype.readUIntBE = function readUIntBE(offset, byteLength2, noAssert) {
      offset = offset >>> 0;
      byteLength2 = byteLength2 >>> 0;
      if (!noAssert) {
        checkOffset(offset, byteLength2, this.length);
      }
      let val = this[offset + --byteLength2];
      let mul = 1;
      while (byteLength2 > 0 && (mul *= 256)) {
        val += this[offset + --byteLength2] * mul;
      }
      return val;
    };
    Buffer4.prototype.readUint8 = Buffer4.prototype.readUInt8 = function readUInt8(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 1, this.length);
      return this[offset];
    };
    Buffer4.prototype.readUint16LE = Buffer4.prototype.readUInt16LE = function readUInt16LE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 2, this.length);
      return this[offset] | this[offset + 1] << 8;
    };
    Buffer4.prototype.readUint16BE = Buffer4.prototype.readUInt16BE = function readUInt16BE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 2, this.length);
      return this[offset] << 8 | this[offset + 1];
    };
    Buffer4.prototype.readUint32LE = Buffer4.prototype.readUInt32LE = function readUInt32LE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 4, this.length);
      return (this[offset] | this[offset + 1] << 8 | this[offset + 2] << 16) + this[offset + 3] * 16777216;
    };
    Buffer4.prototype.readUint32BE = Buffer4.prototype.readUInt32BE = function readUInt32BE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 4, this.length);
      return this[offset] * 16777216 + (this[offset + 1] << 16 | this[offset + 2] << 8 | this[offset + 3]);
    };
    Buffer4.prototype.readBigUInt64LE = defineBigIntMethod(function readBigUInt64LE(offset) {
      offset = offset >>> 0;
      validateNumber(offset, "offset");
      const first = this[offset];
      const last = this[offset + 7];
      if (first === void 0 || last === void 0) {
        boundsError(offset, this.length - 8);
      }
      const lo = first + this[++offset] * 2 ** 8 + this[++offset] * 2 ** 16 + this[++offset] * 2 ** 24;
      const hi = this[++offset] + this[++offset] * 2 ** 8 + this[++offset] * 2 ** 16 + last * 2 ** 24;
      return BigInt(lo) + (BigInt(hi) << BigInt(32));
    });
    Buffer4.prototype.readBigUInt64BE = defineBigIntMethod(function readBigUInt64BE(offset) {
      offset = offset >>> 0;
      validateNumber(offset, "offset");
      const first = this[offset];
      const last = this[offset + 7];
      if (first === void 0 || last === void 0) {
        boundsError(offset, this.length - 8);
      }
      const hi = first * 2 ** 24 + this[++offset] * 2 ** 16 + this[++offset] * 2 ** 8 + this[++offset];
      const lo = this[++offset] * 2 ** 24 + this[++offset] * 2 ** 16 + this[++offset] * 2 ** 8 + last;
      return (BigInt(hi) << BigInt(32)) + BigInt(lo);
    });
    Buffer4.prototype.readIntLE = function readIntLE(offset, byteLength2, noAssert) {
      offset = offset >>> 0;
      byteLength2 = byteLength2 >>> 0;
      if (!noAssert) checkOffset(offset, byteLength2, this.length);
      let val = this[offset];
      let mul = 1;
      let i = 0;
      while (++i < byteLength2 && (mul *= 256)) {
        val += this[offset + i] * mul;
      }
      mul *= 128;
      if (val >= mul) val -= Math.pow(2, 8 * byteLength2);
      return val;
    };
    Buffer4.prototype.readIntBE = function readIntBE(offset, byteLength2, noAssert) {
      offset = offset >>> 0;
      byteLength2 = byteLength2 >>> 0;
      if (!noAssert) checkOffset(offset, byteLength2, this.length);
      let i = byteLength2;
      let mul = 1;
      let val = this[offset + --i];
      while (i > 0 && (mul *= 256)) {
        val += this[offset + --i] * mul;
      }
      mul *= 128;
      if (val >= mul) val -= Math.pow(2, 8 * byteLength2);
      return val;
    };
    Buffer4.prototype.readInt8 = function readInt8(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 1, this.length);
      if (!(this[offset] & 128)) return this[offset];
      return (255 - this[offset] + 1) * -1;
    };
    Buffer4.prototype.readInt16LE = function readInt16LE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 2, this.length);
      const val = this[offset] | this[offset + 1] << 8;
      return val & 32768 ? val | 4294901760 : val;
    };
    Buffer4.prototype.readInt16BE = function readInt16BE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 2, this.length);
      const val = this[offset + 1] | this[offset] << 8;
      return val & 32768 ? val | 4294901760 : val;
    };
    Buffer4.prototype.readInt32LE = function readInt32LE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 4, this.length);
      return this[offset] | this[offset + 1] << 8 | this[offset + 2] << 16 | this[offset + 3] << 24;
    };
    Buffer4.prototype.readInt32BE = function readInt32BE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 4, this.length);
      return this[offset] << 24 | this[offset + 1] << 16 | this[offset + 2] << 8 | this[offset + 3];
    };
    Buffer4.prototype.readBigInt64LE = defineBigIntMethod(function readBigInt64LE(offset) {
      offset = offset >>> 0;
      validateNumber(offset, "offset");
      const first = this[offset];
      const last = this[offset + 7];
      if (first === void 0 || last === void 0) {
        boundsError(offset, this.length - 8);
      }
      const val = this[offset + 4] + this[offset + 5] * 2 ** 8 + this[offset + 6] * 2 ** 16 + (last << 24);
      return (BigInt(val) << BigInt(32)) + BigInt(first + this[++offset] * 2 ** 8 + this[++offset] * 2 ** 16 + this[++offset] * 2 ** 24);
    });
    Buffer4.prototype.readBigInt64BE = defineBigIntMethod(function readBigInt64BE(offset) {
      offset = offset >>> 0;
      validateNumber(offset, "offset");
      const first = this[offset];
      const last = this[offset + 7];
      if (first === void 0 || last === void 0) {
        boundsError(offset, this.length - 8);
      }
      const val = (first << 24) + // Overflow
      this[++offset] * 2 ** 16 + this[++offset] * 2 ** 8 + this[++offset];
      return (BigInt(val) << BigInt(32)) + BigInt(this[++offset] * 2 ** 24 + this[++offset] * 2 ** 16 + this[++offset] * 2 ** 8 + last);
    });
    Buffer4.prototype.readFloatLE = function readFloatLE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 4, this.length);
      return ieee754.read(this, offset, true, 23, 4);
    };
    Buffer4.prototype.readFloatBE = function readFloatBE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 4, this.length);
      return ieee754.read(this, offset, false, 23, 4);
    };
    Buffer4.prototype.readDoubleLE = function readDoubleLE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 8, this.length);
      return ieee754.read(this, offset, true, 52, 8);
    };
    Buffer4.prototype.readDoubleBE = function readDoubleBE(offset, noAssert) {
      offset = offset >>> 0;
      if (!noAssert) checkOffset(offset, 8, this.length);
      return ieee754.read(this, offset, false, 52, 8);
    };
    function checkInt(buf, value, offset, ext, max, min) {
      if (!Buffer4.isBuffer(buf)) throw new TypeError('"buffer" argument must be a Buffer instance');
      if (value > max || value < min) throw new RangeError('"value" argument is out of bounds');
      if (offset + ext > buf.length) throw new RangeError("Index out of range");
    }
    Buffer4.prototype.writeUintLE = Buffer4.prototype.writeUIntLE = function writeUIntLE(value, offset, byteLength2, noAssert) {
      value = +value;
      offset = offset >>> 0;
      byteLength2 = byteLength2 >>> 0;
      if (!noAssert) {
        const maxBytes = Math.pow(2, 8 * byteLength2) - 1;
        checkInt(this, value, offset, byteLength2, maxBytes, 0);
      }
      let mul = 1;
      let i = 0;
      this[offset] = value & 255;
      while (++i < byteLength2 && (mul *= 256)) {
        this[offset + i] = value / mul & 255;
      }
      return offset + byteLength2;
    };
    Buffer4.prototype.writeUintBE = Buffer4.prototype.writeUIntBE = function writeUIntBE(value, offset, byteLength2, noAssert) {
      value = +value;
      offset = offset >>> 0;
      byteLength2 = byteLength2 >>> 0;
      if (!noAssert) {
        const maxBytes = Math.pow(2, 8 * byteLength2) - 1;
        checkInt(this, value, offset, byteLength2, maxBytes, 0);
      }
      let i = byteLength2 - 1;
      let mul = 1;
      this[offset + i] = value & 255;
      while (--i >= 0 && (mul *= 256)) {
        this[offset + i] = value / mul & 255;
      }
      return offset + byteLength2;
    };
    Buffer4.prototype.writeUint8 = Buffer4.prototype.writeUInt8 = function writeUInt8(value, offset, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) checkInt(this, value, offset, 1, 255, 0);
      this[offset] = value & 255;
      return offset + 1;
    };
    Buffer4.prototype.writeUint16LE = Buffer4.prototype.writeUInt16LE = function writeUInt16LE(value, offset, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) checkInt(this, value, offset, 2, 65535, 0);
      this[offset] = value & 255;
      this[offset + 1] = value >>> 8;
      return offset + 2;
    };
    Buffer4.prototype.writeUint16BE = Buffer4.prototype.writeUInt16BE = function writeUInt16BE(value, offset, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) checkInt(this, value, offset, 2, 65535, 0);
      this[offset] = value >>> 8;
      this[offset + 1] = value & 255;
      return offset + 2;
    };
    Buffer4.prototype.writeUint32LE = Buffer4.prototype.writeUInt32LE = function writeUInt32LE(value, offset, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) checkInt(this, value, offset, 4, 4294967295, 0);
      this[offset + 3] = value >>> 24;
      this[offset + 2] = value >>> 16;
      this[offset + 1] = value >>> 8;
      this[offset] = value & 255;
      return offset + 4;
    };
    Buffer4.prototype.writeUint32BE = Buffer4.prototype.writeUInt32BE = function writeUInt32BE(value, offset, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) checkInt(this, value, offset, 4, 4294967295, 0);
      this[offset] = value >>> 24;
      this[offset + 1] = value >>> 16;
      this[offset + 2] = value >>> 8;
      this[offset + 3] = value & 255;
      return offset + 4;
    };
    function wrtBigUInt64LE(buf, value, offset, min, max) {
      checkIntBI(value, min, max, buf, offset, 7);
      let lo = Number(value & BigInt(4294967295));
      buf[offset++] = lo;
      lo = lo >> 8;
      buf[offset++] = lo;
      lo = lo >> 8;
      buf[offset++] = lo;
      lo = lo >> 8;
      buf[offset++] = lo;
      let hi = Number(value >> BigInt(32) & BigInt(4294967295));
      buf[offset++] = hi;
      hi = hi >> 8;
      buf[offset++] = hi;
      hi = hi >> 8;
      buf[offset++] = hi;
      hi = hi >> 8;
      buf[offset++] = hi;
      return offset;
    }
    function wrtBigUInt64BE(buf, value, offset, min, max) {
      checkIntBI(value, min, max, buf, offset, 7);
      let lo = Number(value & BigInt(4294967295));
      buf[offset + 7] = lo;
      lo = lo >> 8;
      buf[offset + 6] = lo;
      lo = lo >> 8;
      buf[offset + 5] = lo;
      lo = lo >> 8;
      buf[offset + 4] = lo;
      let hi = Number(value >> BigInt(32) & BigInt(4294967295));
      buf[offset + 3] = hi;
      hi = hi >> 8;
      buf[offset + 2] = hi;
      hi = hi >> 8;
      buf[offset + 1] = hi;
      hi = hi >> 8;
      buf[offset] = hi;
      return offset + 8;
    }
    Buffer4.prototype.writeBigUInt64LE = defineBigIntMethod(function writeBigUInt64LE(value, offset = 0) {
      return wrtBigUInt64LE(this, value, offset, BigInt(0), BigInt("0xffffffffffffffff"));
    });
    Buffer4.prototype.writeBigUInt64BE = defineBigIntMethod(function writeBigUInt64BE(value, offset = 0) {
      return wrtBigUInt64BE(this, value, offset, BigInt(0), BigInt("0xffffffffffffffff"));
    });
    Buffer4.prototype.writeIntLE = function writeIntLE(value, offset, byteLength2, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) {
        const limit = Math.pow(2, 8 * byteLength2 - 1);
        checkInt(this, value, offset, byteLength2, limit - 1, -limit);
      }
      let i = 0;
      let mul = 1;
      let sub = 0;
      this[offset] = value & 255;
      while (++i < byteLength2 && (mul *= 256)) {
        if (value < 0 && sub === 0 && this[offset + i - 1] !== 0) {
          sub = 1;
        }
        this[offset + i] = (value / mul >> 0) - sub & 255;
      }
      return offset + byteLength2;
    };
    Buffer4.prototype.writeIntBE = function writeIntBE(value, offset, byteLength2, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) {
        const limit = Math.pow(2, 8 * byteLength2 - 1);
        checkInt(this, value, offset, byteLength2, limit - 1, -limit);
      }
      let i = byteLength2 - 1;
      let mul = 1;
      let sub = 0;
      this[offset + i] = value & 255;
      while (--i >= 0 && (mul *= 256)) {
        if (value < 0 && sub === 0 && this[offset + i + 1] !== 0) {
          sub = 1;
        }
        this[offset + i] = (value / mul >> 0) - sub & 255;
      }
      return offset + byteLength2;
    };
    Buffer4.prototype.writeInt8 = function writeInt8(value, offset, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) checkInt(this, value, offset, 1, 127, -128);
      if (value < 0) value = 255 + value + 1;
      this[offset] = value & 255;
      return offset + 1;
    };
    Buffer4.prototype.writeInt16LE = function writeInt16LE(value, offset, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) checkInt(this, value, offset, 2, 32767, -32768);
      this[offset] = value & 255;
      this[offset + 1] = value >>> 8;
      return offset + 2;
    };
    Buffer4.prototype.writeInt16BE = function writeInt16BE(value, offset, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) checkInt(this, value, offset, 2, 32767, -32768);
      this[offset] = value >>> 8;
      this[offset + 1] = value & 255;
      return offset + 2;
    };
    Buffer4.prototype.writeInt32LE = function writeInt32LE(value, offset, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) checkInt(this, value, offset, 4, 2147483647, -2147483648);
      this[offset] = value & 255;
      this[offset + 1] = value >>> 8;
      this[offset + 2] = value >>> 16;
      this[offset + 3] = value >>> 24;
      return offset + 4;
    };
    Buffer4.prototype.writeInt32BE = function writeInt32BE(value, offset, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) checkInt(this, value, offset, 4, 2147483647, -2147483648);
      if (value < 0) value = 4294967295 + value + 1;
      this[offset] = value >>> 24;
      this[offset + 1] = value >>> 16;
      this[offset + 2] = value >>> 8;
      this[offset + 3] = value & 255;
      return offset + 4;
    };
    Buffer4.prototype.writeBigInt64LE = defineBigIntMethod(function writeBigInt64LE(value, offset = 0) {
      return wrtBigUInt64LE(this, value, offset, -BigInt("0x8000000000000000"), BigInt("0x7fffffffffffffff"));
    });
    Buffer4.prototype.writeBigInt64BE = defineBigIntMethod(function writeBigInt64BE(value, offset = 0) {
      return wrtBigUInt64BE(this, value, offset, -BigInt("0x8000000000000000"), BigInt("0x7fffffffffffffff"));
    });
    function checkIEEE754(buf, value, offset, ext, max, min) {
      if (offset + ext > buf.length) throw new RangeError("Index out of range");
      if (offset < 0) throw new RangeError("Index out of range");
    }
    function writeFloat(buf, value, offset, littleEndian, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) {
        checkIEEE754(buf, value, offset, 4, 34028234663852886e22, -34028234663852886e22);
      }
      ieee754.write(buf, value, offset, littleEndian, 23, 4);
      return offset + 4;
    }
    Buffer4.prototype.writeFloatLE = function writeFloatLE(value, offset, noAssert) {
      return writeFloat(this, value, offset, true, noAssert);
    };
    Buffer4.prototype.writeFloatBE = function writeFloatBE(value, offset, noAssert) {
      return writeFloat(this, value, offset, false, noAssert);
    };
    function writeDouble(buf, value, offset, littleEndian, noAssert) {
      value = +value;
      offset = offset >>> 0;
      if (!noAssert) {
        checkIEEE754(buf, value, offset, 8, 17976931348623157e292, -17976931348623157e292);
      }
      ieee754.write(buf, value, offset, littleEndian, 52, 8);
      return offset + 8;
    }
    Buffer4.prototype.writeDoubleLE = function writeDoubleLE(value, offset, noAssert) {
      return writeDouble(this, value, offset, true, noAssert);
    };
    Buffer4.prototype.writeDoubleBE = function writeDoubleBE(value, offset, noAssert) {
      return writeDouble(this, value, offset, false, noAssert);
    };
    Buffer4.prototype.copy = function copy(target, targetStart, start, end) {
      if (!Buffer4.isBuffer(target)) throw new TypeError("argument should be a Buffer");
      if (!start) start = 0;
      if (!end && end !== 0) end = this.length;
      if (targetStart >= target.length) targetStart = target.length;
      if (!targetStart) targetStart = 0;
      if (end > 0 && end < start) end = start;
      if (end === start) return 0;
      if (target.length === 0 || this.length === 0) return 0;
      if (targetStart < 0) {
        throw new RangeError("targetStart out of bounds");
      }
      if (start < 0 || start >= this.length) throw new RangeError("Index out of range");
      if (end < 0) throw new RangeError("sourceEnd out of bounds");
      if (end > this.length) end = this.length;
      if (target.length - targetStart < end - start) {
        end = target.length - targetStart + start;
      }
      const len = end - start;
      if (this === target && typeof Uint8Array.prototype.copyWithin === "function") {
        this.copyWithin(targetStart, start, end);
      } else {
        Uint8Array.prototype.set.call(
          target,
          this.subarray(start, end),
          targetStart
        );
      }
      return len;
    };
    Buffer4.prototype.fill = function fill(val, start, end, encoding) {
      if (typeof val === "string") {
        if (typeof start === "string") {
          encoding = start;
          start = 0;
          end = this.length;
        } else if (typeof end === "string") {
          encoding = end;
          end = this.length;
        }
        if (encoding !== void 0 && typeof encoding !== "string") {
          throw new TypeError("encoding must be a string");
        }
        if (typeof encoding === "string" && !Buffer4.isEncoding(encoding)) {
          throw new TypeError("Unknown encoding: " + encoding);
        }
        if (val.length === 1) {
          const code = val.charCodeAt(0);
          if (encoding === "utf8" && code < 128 || encoding === "latin1") {
            val = code;
          }
        }
      } else if (typeof val === "number") {
        val = val & 255;
      } else if (typeof val === "boolean") {
        val = Number(val);
      }
      if (start < 0 || this.length < start || this.length < end) {
        throw new RangeError("Out of range index");
      }
      if (end <= start) {
        return this;
      }
      start = start >>> 0;
      end = end === void 0 ? this.length : end >>> 0;
      if (!val) val = 0;
      let i;
      if (typeof val === "number") {
        for (i = start; i < end; ++i) {
          this[i] = val;
        }
      } else {
        const bytes2 = Buffer4.isBuffer(val) ? val : Buffer4.from(val, encoding);
        const len = bytes2.length;
        if (len === 0) {
          throw new TypeError('The value "' + val + '" is invalid for argument "value"');
        }
        for (i = 0; i < end - start; ++i) {
          this[i + start] = bytes2[i % len];
        }
      }
      return this;
    };
    var errors = {};
    function E(sym, getMessage, Base) {
      errors[sym] = class NodeError extends Base {
        constructor() {
          super();
          Object.defineProperty(this, "message", {
            value: getMessage.apply(this, arguments),
            writable: true,
            configurable: true
          });
          this.name = `${this.name} [${sym}]`;
          this.stack;
          delete this.name;
        }
        get code() {
          return sym;
        }
        set code(value) {
          Object.defineProperty(this, "code", {
            configurable: true,
            enumerable: true,
            value,
            writable: true
          });
        }
        toString() {
          return `${this.name} [${sym}]: ${this.message}`;
        }
      };
    }
    E(
      "ERR_BUFFER_OUT_OF_BOUNDS",
      function(name) {
        if (name) {
          return `${name} is outside of buffer bounds`;
        }
        return "Attempt to access memory outside buffer bounds";
      },
      RangeError
    );
    E(
      "ERR_INVALID_ARG_TYPE",
      function(name, actual) {
        return `The "${name}" argument must be of type number. Received type ${typeof actual}`;
      },
      TypeError
    );
    E(
      "ERR_OUT_OF_RANGE",
      function(str, range3, input) {
        let msg = `The value of "${str}" is out of range.`;
        let received = input;
        if (Number.isInteger(input) && Math.abs(input) > 2 ** 32) {
          received = addNumericalSeparator(String(input));
        } else if (typeof input === "bigint") {
          received = String(input);
          if (input > BigInt(2) ** BigInt(32) || input < -(BigInt(2) ** BigInt(32))) {
            received = addNumericalSeparator(received);
          }
          received += "n";
        }
        msg += ` It must be ${range3}. Received ${received}`;
        return msg;
      },
      RangeError
    );
    function addNumericalSeparator(val) {
      let res = "";
      let i = val.length;
      const start = val[0] === "-" ? 1 : 0;
      for (; i >= start + 4; i -= 3) {
        res = `_${val.slice(i - 3, i)}${res}`;
      }
      return `${val.slice(0, i)}${res}`;
    }
    function checkBounds(buf, offset, byteLength2) {
      validateNumber(offset, "offset");
      if (buf[offset] === void 0 || buf[offset + byteLength2] === void 0) {
        boundsError(offset, buf.length - (byteLength2 + 1));
      }
    }
    function checkIntBI(value, min, max, buf, offset, byteLength2) {
      if (value > max || value < min) {
        const n = typeof min === "bigint" ? "n" : "";
        let range3;
        if (byteLength2 > 3) {
          if (min === 0 || min === BigInt(0)) {
            range3 = `>= 0${n} and < 2${n} ** ${(byteLength2 + 1) * 8}${n}`;
          } else {
            range3 = `>= -(2${n} ** ${(byteLength2 + 1) * 8 - 1}${n}) and < 2 ** ${(byteLength2 + 1) * 8 - 1}${n}`;
          }
        } else {
          range3 = `>= ${min}${n} and <= ${max}${n}`;
        }
        throw new errors.ERR_OUT_OF_RANGE("value", range3, value);
      }
      checkBounds(buf, offset, byteLength2);
    }
    function validateNumber(value, name) {
      if (typeof value !== "number") {
        throw new errors.ERR_INVALID_ARG_TYPE(name, "number", value);
      }
    }
    function boundsError(value, length, type) {
      if (Math.floor(value) !== value) {
        validateNumber(value, type);
        throw new errors.ERR_OUT_OF_RANGE(type || "offset", "an integer", value);
      }
      if (length < 0) {
        throw new errors.ERR_BUFFER_OUT_OF_BOUNDS();
      }
      throw new errors.ERR_OUT_OF_RANGE(
        type || "offset",
        `>= ${type ? 1 : 0} and <= ${length}`,
        value
      );
    }
    var INVALID_BASE64_RE = /[^+/0-9A-Za-z-_]/g;
    function base64clean(str) {
      str = str.split("=")[0];
      str = str.trim().replace(INVALID_BASE64_RE, "");
      if (str.length < 2) return "";
      while (str.length % 4 !== 0) {
        str = str + "=";
      }
      return str;
    }
    function utf8ToBytes(string, units) {
      units = units || Infinity;
      let codePoint;
      const length = string.length;
      let leadSurrogate = null;
      const bytes2 = [];
      for (let i = 0; i < length; ++i) {
        codePoint = string.charCodeAt(i);
        if (codePoint > 55295 && codePoint < 57344) {
          if (!leadSurrogate) {
            if (codePoint > 56319) {
              if ((units -= 3) > -1) bytes2.push(239, 191, 189);
              continue;
            } else if (i + 1 === length) {
              if ((units -= 3) > -1) bytes2.push(239, 191, 189);
              continue;
            }
            leadSurrogate = codePoint;
            continue;
          }
          if (codePoint < 56320) {
            if ((units -= 3) > -1) bytes2.push(239, 191, 189);
            leadSurrogate = codePoint;
            continue;
          }
          codePoint = (leadSurrogate - 55296 << 10 | codePoint - 56320) + 65536;
        } else if (leadSurrogate) {
          if ((units -= 3) > -1) bytes2.push(239, 191, 189);
        }
        leadSurrogate = null;
        if (codePoint < 128) {
          if ((units -= 1) < 0) break;
          bytes2.push(codePoint);
        } else if (codePoint < 2048) {
          if ((units -= 2) < 0) break;
          bytes2.push(
            codePoint >> 6 | 192,
            codePoint & 63 | 128
          );
        } else if (codePoint < 65536) {
          if ((units -= 3) < 0) break;
          bytes2.push(
            codePoint >> 12 | 224,
            codePoint >> 6 & 63 | 128,
            codePoint & 63 | 128
          );
        } else if (codePoint < 1114112) {
          if ((units -= 4) < 0) break;
          bytes2.push(
            codePoint >> 18 | 240,
            codePoint >> 12 & 63 | 128,
            codePoint >> 6 & 63 | 128,
            codePoint & 63 | 128
          );
        } else {
          throw new Error("Invalid code point");
        }
      }
      return bytes2;
    }
    function asciiToBytes(str) {
      const byteArray = [];
      for (let i = 0; i < str.length; ++i) {
        byteArray.push(str.charCodeAt(i) & 255);
      }
      return byteArray;
    }
    function utf16leToBytes(str, units) {
      let c, hi, lo;
      const byteArray = [];
      for (let i = 0; i < str.length; ++i) {
        if ((units -= 2) < 0) break;
        c = str.charCodeAt(i);
        hi = c >> 8;
        lo = c % 256;
        byteArray.push(lo);
        byteArray.push(hi);
      }
      return byteArray;
    }
    function base64ToBytes(str) {
      return base64.toByteArray(base64clean(str));
    }
    function blitBuffer(src, dst, offset, length) {
      let i;
      for (i = 0; i < length; ++i) {
        if (i + offset >= dst.length || i >= src.length) break;
        dst[i + offset] = src[i];
      }
      return i;
    }
    function isInstance(obj, type) {
      return obj instanceof type || obj != null && obj.constructor != null && obj.constructor.name != null && obj.constructor.name === type.name;
    }
    function numberIsNaN(obj) {
      return obj !== obj;
    }
    var hexSliceLookupTable = (function() {
      const alphabet = "0123456789abcdef";
      const table2 = new Array(256);
      for (let i = 0; i < 16; ++i) {
        const i16 = i * 16;
        for (let j2 = 0; j2 < 16; ++j2) {
          table2[i16 + j2] = alphabet[i] + alphabet[j2];
        }
      }
      return table2;
    })();
    function defineBigIntMethod(fn) {
      return typeof BigInt === "undefined" ? BufferBigIntNotDefined : fn;
    }
    function BufferBigIntNotDefined() {
      throw new Error("BigInt not supported");
    }
  }
});

// src/shims/immediate.ts
function setImmediate2(work) {
  queue.push(work);
  port2.postMessage(void 0);
}
var queue, port1, port2;
var init_immediate = __esm({
  "src/shims/immediate.ts"() {
    "use strict";
    init_globals();
    queue = [];
    ({ port1, port2 } = new MessageChannel());
    port1.addEventListener("message", () => queue.shift()());
    port1.start();
  }
});

// src/shims/globals.ts
var import_buffer;
var init_globals = __esm({
  "src/shims/globals.ts"() {
    "use strict";
    import_buffer = __toESM(require_buffer(), 1);
    init_immediate();
    Object.assign(globalThis, {
      Buffer: import_buffer.Buffer,
      setImmediate: setImmediate2,
      process: { nextTick: (work) => queueMicrotask(work), env: {}, versions: {} }
    });
  }
});

// ../../node_modules/.pnpm/cluster-key-slot@1.1.2/node_modules/cluster-key-slot/lib/index.js
var require_lib = __commonJS({
  "../../node_modules/.pnpm/cluster-key-slot@1.1.2/node_modules/cluster-key-slot/lib/index.js"(exports, module) {
    init_globals();
    var lookup = [
      0,
      4129,
      8258,
      12387,
      16516,
      20645,
      24774,
      28903,
      33032,
      37161,
      41290,
      45419,
      49548,
      53677,
      57806,
      61935,
      4657,
      528,
      12915,
      8786,
      21173,
      17044,
      29431,
      25302,
      37689,
      33560,
      45947,
      41818,
      54205,
      50076,
      62463,
      58334,
      9314,
      13379,
      1056,
      5121,
      25830,
      29895,
      17572,
      21637,
      42346,
      46411,
      34088,
      38153,
      58862,
      62927,
      50604,
      54669,
      13907,
      9842,
      5649,
      1584,
      30423,
      26358,
      22165,
      18100,
      46939,
      42874,
      38681,
      34616,
      63455,
      59390,
      55197,
      51132,
      18628,
      22757,
      26758,
      30887,
      2112,
      6241,
      10242,
      14371,
      51660,
      55789,
      59790,
      63919,
      35144,
      39273,
      43274,
      47403,
      23285,
      19156,
      31415,
      27286,
      6769,
      2640,
      14899,
      10770,
      56317,
      52188,
      64447,
      60318,
      39801,
      35672,
      47931,
      43802,
      27814,
      31879,
      19684,
      23749,
      11298,
      15363,
      3168,
      7233,
      60846,
      64911,
      52716,
      56781,
      44330,
      48395,
      36200,
      40265,
      32407,
      28342,
      24277,
      20212,
      15891,
      11826,
      7761,
      3696,
      65439,
      61374,
      57309,
      53244,
      48923,
      44858,
      40793,
      36728,
      37256,
      33193,
      45514,
      41451,
      53516,
      49453,
      61774,
      57711,
      4224,
      161,
      12482,
      8419,
      20484,
      16421,
      28742,
      24679,
      33721,
      37784,
      41979,
      46042,
      49981,
      54044,
      58239,
      62302,
      689,
      4752,
      8947,
      13010,
      16949,
      21012,
      25207,
      29270,
      46570,
      42443,
      38312,
      34185,
      62830,
      58703,
      54572,
      50445,
      13538,
      9411,
      5280,
      1153,
      29798,
      25671,
      21540,
      17413,
      42971,
      47098,
      34713,
      38840,
      59231,
      63358,
      50973,
      55100,
      9939,
      14066,
      1681,
      5808,
      26199,
      30326,
      17941,
      22068,
      55628,
      51565,
      63758,
      59695,
      39368,
      35305,
      47498,
      43435,
      22596,
      18533,
      30726,
      26663,
      6336,
      2273,
      14466,
      10403,
      52093,
      56156,
      60223,
      64286,
      35833,
      39896,
      43963,
      48026,
      19061,
      23124,
      27191,
      31254,
      2801,
      6864,
      10931,
      14994,
      64814,
      60687,
      56684,
      52557,
      48554,
      44427,
      40424,
      36297,
      31782,
      27655,
      23652,
      19525,
      15522,
      11395,
      7392,
      3265,
      61215,
      65342,
      53085,
      57212,
      44955,
      49082,
      36825,
      40952,
      28183,
      32310,
      20053,
      24180,
      11923,
      16050,
      3793,
      7920
    ];
    var toUTF8Array = function toUTF8Array2(str) {
      var char;
      var i = 0;
      var p = 0;
      var utf8 = [];
      var len = str.length;
      for (; i < len; i++) {
        char = str.charCodeAt(i);
        if (char < 128) {
          utf8[p++] = char;
        } else if (char < 2048) {
          utf8[p++] = char >> 6 | 192;
          utf8[p++] = char & 63 | 128;
        } else if ((char & 64512) === 55296 && i + 1 < str.length && (str.charCodeAt(i + 1) & 64512) === 56320) {
          char = 65536 + ((char & 1023) << 10) + (str.charCodeAt(++i) & 1023);
          utf8[p++] = char >> 18 | 240;
          utf8[p++] = char >> 12 & 63 | 128;
          utf8[p++] = char >> 6 & 63 | 128;
          utf8[p++] = char & 63 | 128;
        } else {
          utf8[p++] = char >> 12 | 224;
          utf8[p++] = char >> 6 & 63 | 128;
          utf8[p++] = char & 63 | 128;
        }
      }
      return utf8;
    };
    var generate = module.exports = function generate2(str) {
      var char;
      var i = 0;
      var start = -1;
      var result = 0;
      var resultHash = 0;
      var utf8 = typeof str === "string" ? toUTF8Array(str) : str;
      var len = utf8.length;
      while (i < len) {
        char = utf8[i++];
        if (start === -1) {
          if (char === 123) {
            start = i;
          }
        } else if (char !== 125) {
          resultHash = lookup[(char ^ resultHash >> 8) & 255] ^ resultHash << 8;
        } else if (i - 1 !== start) {
          return resultHash & 16383;
        }
        result = lookup[(char ^ result >> 8) & 255] ^ result << 8;
      }
      return result & 16383;
    };
    module.exports.generateMulti = function generateMulti(keys) {
      var i = 1;
      var len = keys.length;
      var base = generate(keys[0]);
      while (i < len) {
        if (generate(keys[i++]) !== base) return -1;
      }
      return base;
    };
  }
});

// ../../node_modules/.pnpm/luaparse@0.3.1/node_modules/luaparse/luaparse.js
var require_luaparse = __commonJS({
  "../../node_modules/.pnpm/luaparse@0.3.1/node_modules/luaparse/luaparse.js"(exports, module) {
    init_globals();
    (function(root, name, factory) {
      "use strict";
      var objectTypes = {
        "function": true,
        "object": true
      }, freeExports = objectTypes[typeof exports] && exports && !exports.nodeType && exports, freeModule = objectTypes[typeof module] && module && !module.nodeType && module, freeGlobal = freeExports && freeModule && typeof global === "object" && global, moduleExports = freeModule && freeModule.exports === freeExports && freeExports;
      if (freeGlobal && (freeGlobal.global === freeGlobal || /* istanbul ignore next */
      freeGlobal.window === freeGlobal || /* istanbul ignore next */
      freeGlobal.self === freeGlobal)) {
        root = freeGlobal;
      }
      if (typeof define === "function" && /* istanbul ignore next */
      typeof define.amd === "object" && /* istanbul ignore next */
      define.amd) {
        define(["exports"], factory);
        if (freeExports && moduleExports) factory(freeModule.exports);
      } else if (freeExports && freeModule) {
        if (moduleExports) factory(freeModule.exports);
        else factory(freeExports);
      } else {
        factory(root[name] = {});
      }
    })(exports, "luaparse", function(exports2) {
      "use strict";
      exports2.version = "0.3.1";
      var input, options2, length, features, encodingMode;
      var defaultOptions = exports2.defaultOptions = {
        // Explicitly tell the parser when the input ends.
        wait: false,
        comments: true,
        scope: false,
        locations: false,
        ranges: false,
        onCreateNode: null,
        onCreateScope: null,
        onDestroyScope: null,
        onLocalDeclaration: null,
        luaVersion: "5.1",
        encodingMode: "none"
      };
      function encodeUTF8(codepoint, highMask) {
        highMask = highMask || 0;
        if (codepoint < 128) {
          return String.fromCharCode(codepoint);
        } else if (codepoint < 2048) {
          return String.fromCharCode(
            highMask | 192 | codepoint >> 6,
            highMask | 128 | codepoint & 63
          );
        } else if (codepoint < 65536) {
          return String.fromCharCode(
            highMask | 224 | codepoint >> 12,
            highMask | 128 | codepoint >> 6 & 63,
            highMask | 128 | codepoint & 63
          );
        } else if (codepoint < 1114112) {
          return String.fromCharCode(
            highMask | 240 | codepoint >> 18,
            highMask | 128 | codepoint >> 12 & 63,
            highMask | 128 | codepoint >> 6 & 63,
            highMask | 128 | codepoint & 63
          );
        } else {
          return null;
        }
      }
      function toHex(num, digits) {
        var result = num.toString(16);
        while (result.length < digits)
          result = "0" + result;
        return result;
      }
      function checkChars(rx) {
        return function(s) {
          var m = rx.exec(s);
          if (!m)
            return s;
          raise(null, errors.invalidCodeUnit, toHex(m[0].charCodeAt(0), 4).toUpperCase());
        };
      }
      var encodingModes = {
        // `pseudo-latin1` encoding mode: assume the input was decoded with the latin1 encoding
        // WARNING: latin1 does **NOT** mean cp1252 here like in the bone-headed WHATWG standard;
        // it means true ISO/IEC 8859-1 identity-mapped to Basic Latin and Latin-1 Supplement blocks
        "pseudo-latin1": {
          fixup: checkChars(/[^\x00-\xff]/),
          encodeByte: function(value) {
            if (value === null)
              return "";
            return String.fromCharCode(value);
          },
          encodeUTF8: function(codepoint) {
            return encodeUTF8(codepoint);
          }
        },
        // `x-user-defined` encoding mode: assume the input was decoded with the WHATWG `x-user-defined` encoding
        "x-user-defined": {
          fixup: checkChars(/[^\x00-\x7f\uf780-\uf7ff]/),
          encodeByte: function(value) {
            if (value === null)
              return "";
            if (value >= 128)
              return String.fromCharCode(value | 63232);
            return String.fromCharCode(value);
          },
          encodeUTF8: function(codepoint) {
            return encodeUTF8(codepoint, 63232);
          }
        },
        // `none` encoding mode: disregard intrepretation of string literals, leave identifiers as-is
        "none": {
          discardStrings: true,
          fixup: function(s) {
            return s;
          },
          encodeByte: function(value) {
            return "";
          },
          encodeUTF8: function(codepoint) {
            return "";
          }
        }
      };
      var EOF = 1, StringLiteral = 2, Keyword = 4, Identifier = 8, NumericLiteral = 16, Punctuator = 32, BooleanLiteral = 64, NilLiteral = 128, VarargLiteral = 256;
      exports2.tokenTypes = {
        EOF,
        StringLiteral,
        Keyword,
        Identifier,
        NumericLiteral,
        Punctuator,
        BooleanLiteral,
        NilLiteral,
        VarargLiteral
      };
      var errors = exports2.errors = {
        unexpected: "unexpected %1 '%2' near '%3'",
        unexpectedEOF: "unexpected symbol near '<eof>'",
        expected: "'%1' expected near '%2'",
        expectedToken: "%1 expected near '%2'",
        unfinishedString: "unfinished string near '%1'",
        malformedNumber: "malformed number near '%1'",
        decimalEscapeTooLarge: "decimal escape too large near '%1'",
        invalidEscape: "invalid escape sequence near '%1'",
        hexadecimalDigitExpected: "hexadecimal digit expected near '%1'",
        braceExpected: "missing '%1' near '%2'",
        tooLargeCodepoint: "UTF-8 value too large near '%1'",
        unfinishedLongString: "unfinished long string (starting at line %1) near '%2'",
        unfinishedLongComment: "unfinished long comment (starting at line %1) near '%2'",
        ambiguousSyntax: "ambiguous syntax (function call x new statement) near '%1'",
        noLoopToBreak: "no loop to break near '%1'",
        labelAlreadyDefined: "label '%1' already defined on line %2",
        labelNotVisible: "no visible label '%1' for <goto>",
        gotoJumpInLocalScope: "<goto %1> jumps into the scope of local '%2'",
        cannotUseVararg: "cannot use '...' outside a vararg function near '%1'",
        invalidCodeUnit: "code unit U+%1 is not allowed in the current encoding mode"
      };
      var ast = exports2.ast = {
        labelStatement: function(label) {
          return {
            type: "LabelStatement",
            label
          };
        },
        breakStatement: function() {
          return {
            type: "BreakStatement"
          };
        },
        gotoStatement: function(label) {
          return {
            type: "GotoStatement",
            label
          };
        },
        returnStatement: function(args) {
          return {
            type: "ReturnStatement",
            "arguments": args
          };
        },
        ifStatement: function(clauses) {
          return {
            type: "IfStatement",
            clauses
          };
        },
        ifClause: function(condition, body) {
          return {
            type: "IfClause",
            condition,
            body
          };
        },
        elseifClause: function(condition, body) {
          return {
            type: "ElseifClause",
            condition,
            body
          };
        },
        elseClause: function(body) {
          return {
            type: "ElseClause",
            body
          };
        },
        whileStatement: function(condition, body) {
          return {
            type: "WhileStatement",
            condition,
            body
          };
        },
        doStatement: function(body) {
          return {
            type: "DoStatement",
            body
          };
        },
        repeatStatement: function(condition, body) {
          return {
            type: "RepeatStatement",
            condition,
            body
          };
        },
        localStatement: function(variables, init) {
          return {
            type: "LocalStatement",
            variables,
            init
          };
        },
        assignmentStatement: function(variables, init) {
          return {
            type: "AssignmentStatement",
            variables,
            init
          };
        },
        callStatement: function(expression) {
          return {
            type: "CallStatement",
            expression
          };
        },
        functionStatement: function(identifier, parameters, isLocal, body) {
          return {
            type: "FunctionDeclaration",
            identifier,
            isLocal,
            parameters,
            body
          };
        },
        forNumericStatement: function(variable, start, end2, step, body) {
          return {
            type: "ForNumericStatement",
            variable,
            start,
            end: end2,
            step,
            body
          };
        },
        forGenericStatement: function(variables, iterators, body) {
          return {
            type: "ForGenericStatement",
            variables,
            iterators,
            body
          };
        },
        chunk: function(body) {
          return {
            type: "Chunk",
            body
          };
        },
        identifier: function(name) {
          return {
            type: "Identifier",
            name
          };
        },
        literal: function(type, value, raw) {
          type = type === StringLiteral ? "StringLiteral" : type === NumericLiteral ? "NumericLiteral" : type === BooleanLiteral ? "BooleanLiteral" : type === NilLiteral ? "NilLiteral" : "VarargLiteral";
          return {
            type,
            value,
            raw
          };
        },
        tableKey: function(key, value) {
          return {
            type: "TableKey",
            key,
            value
          };
        },
        tableKeyString: function(key, value) {
          return {
            type: "TableKeyString",
            key,
            value
          };
        },
        tableValue: function(value) {
          return {
            type: "TableValue",
            value
          };
        },
        tableConstructorExpression: function(fields) {
          return {
            type: "TableConstructorExpression",
            fields
          };
        },
        binaryExpression: function(operator, left, right) {
          var type = "and" === operator || "or" === operator ? "LogicalExpression" : "BinaryExpression";
          return {
            type,
            operator,
            left,
            right
          };
        },
        unaryExpression: function(operator, argument) {
          return {
            type: "UnaryExpression",
            operator,
            argument
          };
        },
        memberExpression: function(base, indexer, identifier) {
          return {
            type: "MemberExpression",
            indexer,
            identifier,
            base
          };
        },
        indexExpression: function(base, index3) {
          return {
            type: "IndexExpression",
            base,
            index: index3
          };
        },
        callExpression: function(base, args) {
          return {
            type: "CallExpression",
            base,
            "arguments": args
          };
        },
        tableCallExpression: function(base, args) {
          return {
            type: "TableCallExpression",
            base,
            "arguments": args
          };
        },
        stringCallExpression: function(base, argument) {
          return {
            type: "StringCallExpression",
            base,
            argument
          };
        },
        comment: function(value, raw) {
          return {
            type: "Comment",
            value,
            raw
          };
        }
      };
      function finishNode(node) {
        if (trackLocations) {
          var location = locations.pop();
          location.complete();
          location.bless(node);
        }
        if (options2.onCreateNode) options2.onCreateNode(node);
        return node;
      }
      var slice2 = Array.prototype.slice, toString = Object.prototype.toString;
      var indexOf = (
        /* istanbul ignore next */
        function(array, element) {
          for (var i = 0, length2 = array.length; i < length2; ++i) {
            if (array[i] === element) return i;
          }
          return -1;
        }
      );
      if (Array.prototype.indexOf)
        indexOf = function(array, element) {
          return array.indexOf(element);
        };
      function indexOfObject(array, property, element) {
        for (var i = 0, length2 = array.length; i < length2; ++i) {
          if (array[i][property] === element) return i;
        }
        return -1;
      }
      function sprintf(format2) {
        var args = slice2.call(arguments, 1);
        format2 = format2.replace(/%(\d)/g, function(match2, index3) {
          return "" + args[index3 - 1] || /* istanbul ignore next */
          "";
        });
        return format2;
      }
      var assign = (
        /* istanbul ignore next */
        function(dest) {
          var args = slice2.call(arguments, 1), src, prop;
          for (var i = 0, length2 = args.length; i < length2; ++i) {
            src = args[i];
            for (prop in src)
              if (Object.prototype.hasOwnProperty.call(src, prop)) {
                dest[prop] = src[prop];
              }
          }
          return dest;
        }
      );
      if (Object.assign)
        assign = Object.assign;
      exports2.SyntaxError = SyntaxError;
      function fixupError(e) {
        if (!Object.create)
          return e;
        return Object.create(e, {
          "line": { "writable": true, value: e.line },
          "index": { "writable": true, value: e.index },
          "column": { "writable": true, value: e.column }
        });
      }
      function raise(token2) {
        var message = sprintf.apply(null, slice2.call(arguments, 1)), error, col;
        if (token2 === null || typeof token2.line === "undefined") {
          col = index2 - lineStart + 1;
          error = fixupError(new SyntaxError(sprintf("[%1:%2] %3", line, col, message)));
          error.index = index2;
          error.line = line;
          error.column = col;
        } else {
          col = token2.range[0] - token2.lineStart;
          error = fixupError(new SyntaxError(sprintf("[%1:%2] %3", token2.line, col, message)));
          error.line = token2.line;
          error.index = token2.range[0];
          error.column = col;
        }
        throw error;
      }
      function tokenValue(token2) {
        var raw = input.slice(token2.range[0], token2.range[1]);
        if (raw)
          return raw;
        return token2.value;
      }
      function raiseUnexpectedToken(type, token2) {
        raise(token2, errors.expectedToken, type, tokenValue(token2));
      }
      function unexpected(found) {
        var near = tokenValue(lookahead);
        if ("undefined" !== typeof found.type) {
          var type;
          switch (found.type) {
            case StringLiteral:
              type = "string";
              break;
            case Keyword:
              type = "keyword";
              break;
            case Identifier:
              type = "identifier";
              break;
            case NumericLiteral:
              type = "number";
              break;
            case Punctuator:
              type = "symbol";
              break;
            case BooleanLiteral:
              type = "boolean";
              break;
            case NilLiteral:
              return raise(found, errors.unexpected, "symbol", "nil", near);
            case EOF:
              return raise(found, errors.unexpectedEOF);
          }
          return raise(found, errors.unexpected, type, tokenValue(found), near);
        }
        return raise(found, errors.unexpected, "symbol", found, near);
      }
      var index2, token, previousToken, lookahead, comments, tokenStart, line, lineStart;
      exports2.lex = lex;
      function lex() {
        skipWhiteSpace();
        while (45 === input.charCodeAt(index2) && 45 === input.charCodeAt(index2 + 1)) {
          scanComment();
          skipWhiteSpace();
        }
        if (index2 >= length) return {
          type: EOF,
          value: "<eof>",
          line,
          lineStart,
          range: [index2, index2]
        };
        var charCode = input.charCodeAt(index2), next3 = input.charCodeAt(index2 + 1);
        tokenStart = index2;
        if (isIdentifierStart(charCode)) return scanIdentifierOrKeyword();
        switch (charCode) {
          case 39:
          case 34:
            return scanStringLiteral();
          case 48:
          case 49:
          case 50:
          case 51:
          case 52:
          case 53:
          case 54:
          case 55:
          case 56:
          case 57:
            return scanNumericLiteral();
          case 46:
            if (isDecDigit(next3)) return scanNumericLiteral();
            if (46 === next3) {
              if (46 === input.charCodeAt(index2 + 2)) return scanVarargLiteral();
              return scanPunctuator("..");
            }
            return scanPunctuator(".");
          case 61:
            if (61 === next3) return scanPunctuator("==");
            return scanPunctuator("=");
          case 62:
            if (features.bitwiseOperators) {
              if (62 === next3) return scanPunctuator(">>");
            }
            if (61 === next3) return scanPunctuator(">=");
            return scanPunctuator(">");
          case 60:
            if (features.bitwiseOperators) {
              if (60 === next3) return scanPunctuator("<<");
            }
            if (61 === next3) return scanPunctuator("<=");
            return scanPunctuator("<");
          case 126:
            if (61 === next3) return scanPunctuator("~=");
            if (!features.bitwiseOperators)
              break;
            return scanPunctuator("~");
          case 58:
            if (features.labels) {
              if (58 === next3) return scanPunctuator("::");
            }
            return scanPunctuator(":");
          case 91:
            if (91 === next3 || 61 === next3) return scanLongStringLiteral();
            return scanPunctuator("[");
          case 47:
            if (features.integerDivision) {
              if (47 === next3) return scanPunctuator("//");
            }
            return scanPunctuator("/");
          case 38:
          case 124:
            if (!features.bitwiseOperators)
              break;
          /* fall through */
          case 42:
          case 94:
          case 37:
          case 44:
          case 123:
          case 125:
          case 93:
          case 40:
          case 41:
          case 59:
          case 35:
          case 45:
          case 43:
            return scanPunctuator(input.charAt(index2));
        }
        return unexpected(input.charAt(index2));
      }
      function consumeEOL() {
        var charCode = input.charCodeAt(index2), peekCharCode = input.charCodeAt(index2 + 1);
        if (isLineTerminator(charCode)) {
          if (10 === charCode && 13 === peekCharCode) ++index2;
          if (13 === charCode && 10 === peekCharCode) ++index2;
          ++line;
          lineStart = ++index2;
          return true;
        }
        return false;
      }
      function skipWhiteSpace() {
        while (index2 < length) {
          var charCode = input.charCodeAt(index2);
          if (isWhiteSpace(charCode)) {
            ++index2;
          } else if (!consumeEOL()) {
            break;
          }
        }
      }
      function scanIdentifierOrKeyword() {
        var value, type;
        while (isIdentifierPart(input.charCodeAt(++index2))) ;
        value = encodingMode.fixup(input.slice(tokenStart, index2));
        if (isKeyword(value)) {
          type = Keyword;
        } else if ("true" === value || "false" === value) {
          type = BooleanLiteral;
          value = "true" === value;
        } else if ("nil" === value) {
          type = NilLiteral;
          value = null;
        } else {
          type = Identifier;
        }
        return {
          type,
          value,
          line,
          lineStart,
          range: [tokenStart, index2]
        };
      }
      function scanPunctuator(value) {
        index2 += value.length;
        return {
          type: Punctuator,
          value,
          line,
          lineStart,
          range: [tokenStart, index2]
        };
      }
      function scanVarargLiteral() {
        index2 += 3;
        return {
          type: VarargLiteral,
          value: "...",
          line,
          lineStart,
          range: [tokenStart, index2]
        };
      }
      function scanStringLiteral() {
        var delimiter = input.charCodeAt(index2++), beginLine = line, beginLineStart = lineStart, stringStart = index2, string = encodingMode.discardStrings ? null : "", charCode;
        for (; ; ) {
          charCode = input.charCodeAt(index2++);
          if (delimiter === charCode) break;
          if (index2 > length || isLineTerminator(charCode)) {
            string += input.slice(stringStart, index2 - 1);
            raise(null, errors.unfinishedString, input.slice(tokenStart, index2 - 1));
          }
          if (92 === charCode) {
            if (!encodingMode.discardStrings) {
              var beforeEscape = input.slice(stringStart, index2 - 1);
              string += encodingMode.fixup(beforeEscape);
            }
            var escapeValue = readEscapeSequence();
            if (!encodingMode.discardStrings)
              string += escapeValue;
            stringStart = index2;
          }
        }
        if (!encodingMode.discardStrings) {
          string += encodingMode.encodeByte(null);
          string += encodingMode.fixup(input.slice(stringStart, index2 - 1));
        }
        return {
          type: StringLiteral,
          value: string,
          line: beginLine,
          lineStart: beginLineStart,
          lastLine: line,
          lastLineStart: lineStart,
          range: [tokenStart, index2]
        };
      }
      function scanLongStringLiteral() {
        var beginLine = line, beginLineStart = lineStart, string = readLongString(false);
        if (false === string) raise(token, errors.expected, "[", tokenValue(token));
        return {
          type: StringLiteral,
          value: encodingMode.discardStrings ? null : encodingMode.fixup(string),
          line: beginLine,
          lineStart: beginLineStart,
          lastLine: line,
          lastLineStart: lineStart,
          range: [tokenStart, index2]
        };
      }
      function scanNumericLiteral() {
        var character = input.charAt(index2), next3 = input.charAt(index2 + 1);
        var literal = "0" === character && "xX".indexOf(next3 || null) >= 0 ? readHexLiteral() : readDecLiteral();
        var foundImaginaryUnit = readImaginaryUnitSuffix(), foundInt64Suffix = readInt64Suffix();
        if (foundInt64Suffix && (foundImaginaryUnit || literal.hasFractionPart)) {
          raise(null, errors.malformedNumber, input.slice(tokenStart, index2));
        }
        return {
          type: NumericLiteral,
          value: literal.value,
          line,
          lineStart,
          range: [tokenStart, index2]
        };
      }
      function readImaginaryUnitSuffix() {
        if (!features.imaginaryNumbers) return;
        if ("iI".indexOf(input.charAt(index2) || null) >= 0) {
          ++index2;
          return true;
        } else {
          return false;
        }
      }
      function readInt64Suffix() {
        if (!features.integerSuffixes) return;
        if ("uU".indexOf(input.charAt(index2) || null) >= 0) {
          ++index2;
          if ("lL".indexOf(input.charAt(index2) || null) >= 0) {
            ++index2;
            if ("lL".indexOf(input.charAt(index2) || null) >= 0) {
              ++index2;
              return "ULL";
            } else {
              raise(null, errors.malformedNumber, input.slice(tokenStart, index2));
            }
          } else {
            raise(null, errors.malformedNumber, input.slice(tokenStart, index2));
          }
        } else if ("lL".indexOf(input.charAt(index2) || null) >= 0) {
          ++index2;
          if ("lL".indexOf(input.charAt(index2) || null) >= 0) {
            ++index2;
            return "LL";
          } else {
            raise(null, errors.malformedNumber, input.slice(tokenStart, index2));
          }
        }
      }
      function readHexLiteral() {
        var fraction = 0, binaryExponent = 1, binarySign = 1, digit, fractionStart, exponentStart, digitStart;
        digitStart = index2 += 2;
        if (!isHexDigit(input.charCodeAt(index2)))
          raise(null, errors.malformedNumber, input.slice(tokenStart, index2));
        while (isHexDigit(input.charCodeAt(index2))) ++index2;
        digit = parseInt(input.slice(digitStart, index2), 16);
        var foundFraction = false;
        if ("." === input.charAt(index2)) {
          foundFraction = true;
          fractionStart = ++index2;
          while (isHexDigit(input.charCodeAt(index2))) ++index2;
          fraction = input.slice(fractionStart, index2);
          fraction = fractionStart === index2 ? 0 : parseInt(fraction, 16) / Math.pow(16, index2 - fractionStart);
        }
        var foundBinaryExponent = false;
        if ("pP".indexOf(input.charAt(index2) || null) >= 0) {
          foundBinaryExponent = true;
          ++index2;
          if ("+-".indexOf(input.charAt(index2) || null) >= 0)
            binarySign = "+" === input.charAt(index2++) ? 1 : -1;
          exponentStart = index2;
          if (!isDecDigit(input.charCodeAt(index2)))
            raise(null, errors.malformedNumber, input.slice(tokenStart, index2));
          while (isDecDigit(input.charCodeAt(index2))) ++index2;
          binaryExponent = input.slice(exponentStart, index2);
          binaryExponent = Math.pow(2, binaryExponent * binarySign);
        }
        return {
          value: (digit + fraction) * binaryExponent,
          hasFractionPart: foundFraction || foundBinaryExponent
        };
      }
      function readDecLiteral() {
        while (isDecDigit(input.charCodeAt(index2))) ++index2;
        var foundFraction = false;
        if ("." === input.charAt(index2)) {
          foundFraction = true;
          ++index2;
          while (isDecDigit(input.charCodeAt(index2))) ++index2;
        }
        var foundExponent = false;
        if ("eE".indexOf(input.charAt(index2) || null) >= 0) {
          foundExponent = true;
          ++index2;
          if ("+-".indexOf(input.charAt(index2) || null) >= 0) ++index2;
          if (!isDecDigit(input.charCodeAt(index2)))
            raise(null, errors.malformedNumber, input.slice(tokenStart, index2));
          while (isDecDigit(input.charCodeAt(index2))) ++index2;
        }
        return {
          value: parseFloat(input.slice(tokenStart, index2)),
          hasFractionPart: foundFraction || foundExponent
        };
      }
      function readUnicodeEscapeSequence() {
        var sequenceStart = index2++;
        if (input.charAt(index2++) !== "{")
          raise(null, errors.braceExpected, "{", "\\" + input.slice(sequenceStart, index2));
        if (!isHexDigit(input.charCodeAt(index2)))
          raise(null, errors.hexadecimalDigitExpected, "\\" + input.slice(sequenceStart, index2));
        while (input.charCodeAt(index2) === 48) ++index2;
        var escStart = index2;
        while (isHexDigit(input.charCodeAt(index2))) {
          ++index2;
          if (index2 - escStart > 6)
            raise(null, errors.tooLargeCodepoint, "\\" + input.slice(sequenceStart, index2));
        }
        var b = input.charAt(index2++);
        if (b !== "}") {
          if (b === '"' || b === "'")
            raise(null, errors.braceExpected, "}", "\\" + input.slice(sequenceStart, index2--));
          else
            raise(null, errors.hexadecimalDigitExpected, "\\" + input.slice(sequenceStart, index2));
        }
        var codepoint = parseInt(input.slice(escStart, index2 - 1) || "0", 16);
        var frag = "\\" + input.slice(sequenceStart, index2);
        if (codepoint > 1114111) {
          raise(null, errors.tooLargeCodepoint, frag);
        }
        return encodingMode.encodeUTF8(codepoint, frag);
      }
      function readEscapeSequence() {
        var sequenceStart = index2;
        switch (input.charAt(index2)) {
          // Lua allow the following escape sequences.
          case "a":
            ++index2;
            return "\x07";
          case "n":
            ++index2;
            return "\n";
          case "r":
            ++index2;
            return "\r";
          case "t":
            ++index2;
            return "	";
          case "v":
            ++index2;
            return "\v";
          case "b":
            ++index2;
            return "\b";
          case "f":
            ++index2;
            return "\f";
          // Backslash at the end of the line. We treat all line endings as equivalent,
          // and as representing the [LF] character (code 10). Lua 5.1 through 5.3
          // have been verified to behave the same way.
          case "\r":
          case "\n":
            consumeEOL();
            return "\n";
          case "0":
          case "1":
          case "2":
          case "3":
          case "4":
          case "5":
          case "6":
          case "7":
          case "8":
          case "9":
            while (isDecDigit(input.charCodeAt(index2)) && index2 - sequenceStart < 3) ++index2;
            var frag = input.slice(sequenceStart, index2);
            var ddd = parseInt(frag, 10);
            if (ddd > 255) {
              raise(null, errors.decimalEscapeTooLarge, "\\" + ddd);
            }
            return encodingMode.encodeByte(ddd, "\\" + frag);
          case "z":
            if (features.skipWhitespaceEscape) {
              ++index2;
              skipWhiteSpace();
              return "";
            }
            break;
          case "x":
            if (features.hexEscapes) {
              if (isHexDigit(input.charCodeAt(index2 + 1)) && isHexDigit(input.charCodeAt(index2 + 2))) {
                index2 += 3;
                return encodingMode.encodeByte(parseInt(input.slice(sequenceStart + 1, index2), 16), "\\" + input.slice(sequenceStart, index2));
              }
              raise(null, errors.hexadecimalDigitExpected, "\\" + input.slice(sequenceStart, index2 + 2));
            }
            break;
          case "u":
            if (features.unicodeEscapes)
              return readUnicodeEscapeSequence();
            break;
          case "\\":
          case '"':
          case "'":
            return input.charAt(index2++);
        }
        if (features.strictEscapes)
          raise(null, errors.invalidEscape, "\\" + input.slice(sequenceStart, index2 + 1));
        return input.charAt(index2++);
      }
      function scanComment() {
        tokenStart = index2;
        index2 += 2;
        var character = input.charAt(index2), content = "", isLong = false, commentStart = index2, lineStartComment = lineStart, lineComment = line;
        if ("[" === character) {
          content = readLongString(true);
          if (false === content) content = character;
          else isLong = true;
        }
        if (!isLong) {
          while (index2 < length) {
            if (isLineTerminator(input.charCodeAt(index2))) break;
            ++index2;
          }
          if (options2.comments) content = input.slice(commentStart, index2);
        }
        if (options2.comments) {
          var node = ast.comment(content, input.slice(tokenStart, index2));
          if (options2.locations) {
            node.loc = {
              start: { line: lineComment, column: tokenStart - lineStartComment },
              end: { line, column: index2 - lineStart }
            };
          }
          if (options2.ranges) {
            node.range = [tokenStart, index2];
          }
          if (options2.onCreateNode) options2.onCreateNode(node);
          comments.push(node);
        }
      }
      function readLongString(isComment) {
        var level = 0, content = "", terminator = false, character, stringStart, firstLine = line;
        ++index2;
        while ("=" === input.charAt(index2 + level)) ++level;
        if ("[" !== input.charAt(index2 + level)) return false;
        index2 += level + 1;
        if (isLineTerminator(input.charCodeAt(index2))) consumeEOL();
        stringStart = index2;
        while (index2 < length) {
          while (isLineTerminator(input.charCodeAt(index2))) consumeEOL();
          character = input.charAt(index2++);
          if ("]" === character) {
            terminator = true;
            for (var i = 0; i < level; ++i) {
              if ("=" !== input.charAt(index2 + i)) terminator = false;
            }
            if ("]" !== input.charAt(index2 + level)) terminator = false;
          }
          if (terminator) {
            content += input.slice(stringStart, index2 - 1);
            index2 += level + 1;
            return content;
          }
        }
        raise(
          null,
          isComment ? errors.unfinishedLongComment : errors.unfinishedLongString,
          firstLine,
          "<eof>"
        );
      }
      function next2() {
        previousToken = token;
        token = lookahead;
        lookahead = lex();
      }
      function consume(value) {
        if (value === token.value) {
          next2();
          return true;
        }
        return false;
      }
      function expect(value) {
        if (value === token.value) next2();
        else raise(token, errors.expected, value, tokenValue(token));
      }
      function isWhiteSpace(charCode) {
        return 9 === charCode || 32 === charCode || 11 === charCode || 12 === charCode;
      }
      function isLineTerminator(charCode) {
        return 10 === charCode || 13 === charCode;
      }
      function isDecDigit(charCode) {
        return charCode >= 48 && charCode <= 57;
      }
      function isHexDigit(charCode) {
        return charCode >= 48 && charCode <= 57 || charCode >= 97 && charCode <= 102 || charCode >= 65 && charCode <= 70;
      }
      function isIdentifierStart(charCode) {
        if (charCode >= 65 && charCode <= 90 || charCode >= 97 && charCode <= 122 || 95 === charCode)
          return true;
        if (features.extendedIdentifiers && charCode >= 128)
          return true;
        return false;
      }
      function isIdentifierPart(charCode) {
        if (charCode >= 65 && charCode <= 90 || charCode >= 97 && charCode <= 122 || 95 === charCode || charCode >= 48 && charCode <= 57)
          return true;
        if (features.extendedIdentifiers && charCode >= 128)
          return true;
        return false;
      }
      function isKeyword(id) {
        switch (id.length) {
          case 2:
            return "do" === id || "if" === id || "in" === id || "or" === id;
          case 3:
            return "and" === id || "end" === id || "for" === id || "not" === id;
          case 4:
            if ("else" === id || "then" === id)
              return true;
            if (features.labels && !features.contextualGoto)
              return "goto" === id;
            return false;
          case 5:
            return "break" === id || "local" === id || "until" === id || "while" === id;
          case 6:
            return "elseif" === id || "repeat" === id || "return" === id;
          case 8:
            return "function" === id;
        }
        return false;
      }
      function isUnary(token2) {
        if (Punctuator === token2.type) return "#-~".indexOf(token2.value) >= 0;
        if (Keyword === token2.type) return "not" === token2.value;
        return false;
      }
      function isBlockFollow(token2) {
        if (EOF === token2.type) return true;
        if (Keyword !== token2.type) return false;
        switch (token2.value) {
          case "else":
          case "elseif":
          case "end":
          case "until":
            return true;
          default:
            return false;
        }
      }
      var scopes, scopeDepth, globals;
      function createScope() {
        var scope = scopes[scopeDepth++].slice();
        scopes.push(scope);
        if (options2.onCreateScope) options2.onCreateScope();
      }
      function destroyScope() {
        var scope = scopes.pop();
        --scopeDepth;
        if (options2.onDestroyScope) options2.onDestroyScope();
      }
      function scopeIdentifierName(name) {
        if (options2.onLocalDeclaration) options2.onLocalDeclaration(name);
        if (-1 !== indexOf(scopes[scopeDepth], name)) return;
        scopes[scopeDepth].push(name);
      }
      function scopeIdentifier(node) {
        scopeIdentifierName(node.name);
        attachScope(node, true);
      }
      function attachScope(node, isLocal) {
        if (!isLocal && -1 === indexOfObject(globals, "name", node.name))
          globals.push(node);
        node.isLocal = isLocal;
      }
      function scopeHasName(name) {
        return -1 !== indexOf(scopes[scopeDepth], name);
      }
      var locations = [], trackLocations;
      function createLocationMarker() {
        return new Marker(token);
      }
      function Marker(token2) {
        if (options2.locations) {
          this.loc = {
            start: {
              line: token2.line,
              column: token2.range[0] - token2.lineStart
            },
            end: {
              line: 0,
              column: 0
            }
          };
        }
        if (options2.ranges) this.range = [token2.range[0], 0];
      }
      Marker.prototype.complete = function() {
        if (options2.locations) {
          this.loc.end.line = previousToken.lastLine || previousToken.line;
          this.loc.end.column = previousToken.range[1] - (previousToken.lastLineStart || previousToken.lineStart);
        }
        if (options2.ranges) {
          this.range[1] = previousToken.range[1];
        }
      };
      Marker.prototype.bless = function(node) {
        if (this.loc) {
          var loc = this.loc;
          node.loc = {
            start: {
              line: loc.start.line,
              column: loc.start.column
            },
            end: {
              line: loc.end.line,
              column: loc.end.column
            }
          };
        }
        if (this.range) {
          node.range = [
            this.range[0],
            this.range[1]
          ];
        }
      };
      function markLocation() {
        if (trackLocations) locations.push(createLocationMarker());
      }
      function pushLocation(marker) {
        if (trackLocations) locations.push(marker);
      }
      function FullFlowContext() {
        this.scopes = [];
        this.pendingGotos = [];
      }
      FullFlowContext.prototype.isInLoop = function() {
        var i = this.scopes.length;
        while (i-- > 0) {
          if (this.scopes[i].isLoop)
            return true;
        }
        return false;
      };
      FullFlowContext.prototype.pushScope = function(isLoop) {
        var scope = {
          labels: {},
          locals: [],
          deferredGotos: [],
          isLoop: !!isLoop
        };
        this.scopes.push(scope);
      };
      FullFlowContext.prototype.popScope = function() {
        for (var i = 0; i < this.pendingGotos.length; ++i) {
          var theGoto = this.pendingGotos[i];
          if (theGoto.maxDepth >= this.scopes.length) {
            if (--theGoto.maxDepth <= 0)
              raise(theGoto.token, errors.labelNotVisible, theGoto.target);
          }
        }
        this.scopes.pop();
      };
      FullFlowContext.prototype.addGoto = function(target, token2) {
        var localCounts = [];
        for (var i = 0; i < this.scopes.length; ++i) {
          var scope = this.scopes[i];
          localCounts.push(scope.locals.length);
          if (Object.prototype.hasOwnProperty.call(scope.labels, target))
            return;
        }
        this.pendingGotos.push({
          maxDepth: this.scopes.length,
          target,
          token: token2,
          localCounts
        });
      };
      FullFlowContext.prototype.addLabel = function(name, token2) {
        var scope = this.currentScope();
        if (Object.prototype.hasOwnProperty.call(scope.labels, name)) {
          raise(token2, errors.labelAlreadyDefined, name, scope.labels[name].line);
        } else {
          var newGotos = [];
          for (var i = 0; i < this.pendingGotos.length; ++i) {
            var theGoto = this.pendingGotos[i];
            if (theGoto.maxDepth >= this.scopes.length && theGoto.target === name) {
              if (theGoto.localCounts[this.scopes.length - 1] < scope.locals.length) {
                scope.deferredGotos.push(theGoto);
              }
              continue;
            }
            newGotos.push(theGoto);
          }
          this.pendingGotos = newGotos;
        }
        scope.labels[name] = {
          localCount: scope.locals.length,
          line: token2.line
        };
      };
      FullFlowContext.prototype.addLocal = function(name, token2) {
        this.currentScope().locals.push({
          name,
          token: token2
        });
      };
      FullFlowContext.prototype.currentScope = function() {
        return this.scopes[this.scopes.length - 1];
      };
      FullFlowContext.prototype.raiseDeferredErrors = function() {
        var scope = this.currentScope();
        var bads = scope.deferredGotos;
        for (var i = 0; i < bads.length; ++i) {
          var theGoto = bads[i];
          raise(theGoto.token, errors.gotoJumpInLocalScope, theGoto.target, scope.locals[theGoto.localCounts[this.scopes.length - 1]].name);
        }
      };
      function LoopFlowContext() {
        this.level = 0;
        this.loopLevels = [];
      }
      LoopFlowContext.prototype.isInLoop = function() {
        return !!this.loopLevels.length;
      };
      LoopFlowContext.prototype.pushScope = function(isLoop) {
        ++this.level;
        if (isLoop)
          this.loopLevels.push(this.level);
      };
      LoopFlowContext.prototype.popScope = function() {
        var levels = this.loopLevels;
        var levlen = levels.length;
        if (levlen) {
          if (levels[levlen - 1] === this.level)
            levels.pop();
        }
        --this.level;
      };
      LoopFlowContext.prototype.addGoto = LoopFlowContext.prototype.addLabel = /* istanbul ignore next */
      function() {
        throw new Error("This should never happen");
      };
      LoopFlowContext.prototype.addLocal = LoopFlowContext.prototype.raiseDeferredErrors = function() {
      };
      function makeFlowContext() {
        return features.labels ? new FullFlowContext() : new LoopFlowContext();
      }
      function parseChunk() {
        next2();
        markLocation();
        if (options2.scope) createScope();
        var flowContext = makeFlowContext();
        flowContext.allowVararg = true;
        flowContext.pushScope();
        var body = parseBlock(flowContext);
        flowContext.popScope();
        if (options2.scope) destroyScope();
        if (EOF !== token.type) unexpected(token);
        if (trackLocations && !body.length) previousToken = token;
        return finishNode(ast.chunk(body));
      }
      function parseBlock(flowContext) {
        var block = [], statement;
        while (!isBlockFollow(token)) {
          if ("return" === token.value || !features.relaxedBreak && "break" === token.value) {
            block.push(parseStatement(flowContext));
            break;
          }
          statement = parseStatement(flowContext);
          consume(";");
          if (statement) block.push(statement);
        }
        return block;
      }
      function parseStatement(flowContext) {
        markLocation();
        if (Punctuator === token.type) {
          if (consume("::")) return parseLabelStatement(flowContext);
        }
        if (features.emptyStatement) {
          if (consume(";")) {
            if (trackLocations) locations.pop();
            return;
          }
        }
        flowContext.raiseDeferredErrors();
        if (Keyword === token.type) {
          switch (token.value) {
            case "local":
              next2();
              return parseLocalStatement(flowContext);
            case "if":
              next2();
              return parseIfStatement(flowContext);
            case "return":
              next2();
              return parseReturnStatement(flowContext);
            case "function":
              next2();
              var name = parseFunctionName();
              return parseFunctionDeclaration(name);
            case "while":
              next2();
              return parseWhileStatement(flowContext);
            case "for":
              next2();
              return parseForStatement(flowContext);
            case "repeat":
              next2();
              return parseRepeatStatement(flowContext);
            case "break":
              next2();
              if (!flowContext.isInLoop())
                raise(token, errors.noLoopToBreak, token.value);
              return parseBreakStatement();
            case "do":
              next2();
              return parseDoStatement(flowContext);
            case "goto":
              next2();
              return parseGotoStatement(flowContext);
          }
        }
        if (features.contextualGoto && token.type === Identifier && token.value === "goto" && lookahead.type === Identifier && lookahead.value !== "goto") {
          next2();
          return parseGotoStatement(flowContext);
        }
        if (trackLocations) locations.pop();
        return parseAssignmentOrCallStatement(flowContext);
      }
      function parseLabelStatement(flowContext) {
        var nameToken = token, label = parseIdentifier();
        if (options2.scope) {
          scopeIdentifierName("::" + nameToken.value + "::");
          attachScope(label, true);
        }
        expect("::");
        flowContext.addLabel(nameToken.value, nameToken);
        return finishNode(ast.labelStatement(label));
      }
      function parseBreakStatement() {
        return finishNode(ast.breakStatement());
      }
      function parseGotoStatement(flowContext) {
        var name = token.value, gotoToken = previousToken, label = parseIdentifier();
        flowContext.addGoto(name, gotoToken);
        return finishNode(ast.gotoStatement(label));
      }
      function parseDoStatement(flowContext) {
        if (options2.scope) createScope();
        flowContext.pushScope();
        var body = parseBlock(flowContext);
        flowContext.popScope();
        if (options2.scope) destroyScope();
        expect("end");
        return finishNode(ast.doStatement(body));
      }
      function parseWhileStatement(flowContext) {
        var condition = parseExpectedExpression(flowContext);
        expect("do");
        if (options2.scope) createScope();
        flowContext.pushScope(true);
        var body = parseBlock(flowContext);
        flowContext.popScope();
        if (options2.scope) destroyScope();
        expect("end");
        return finishNode(ast.whileStatement(condition, body));
      }
      function parseRepeatStatement(flowContext) {
        if (options2.scope) createScope();
        flowContext.pushScope(true);
        var body = parseBlock(flowContext);
        expect("until");
        flowContext.raiseDeferredErrors();
        var condition = parseExpectedExpression(flowContext);
        flowContext.popScope();
        if (options2.scope) destroyScope();
        return finishNode(ast.repeatStatement(condition, body));
      }
      function parseReturnStatement(flowContext) {
        var expressions = [];
        if ("end" !== token.value) {
          var expression = parseExpression(flowContext);
          if (null != expression) expressions.push(expression);
          while (consume(",")) {
            expression = parseExpectedExpression(flowContext);
            expressions.push(expression);
          }
          consume(";");
        }
        return finishNode(ast.returnStatement(expressions));
      }
      function parseIfStatement(flowContext) {
        var clauses = [], condition, body, marker;
        if (trackLocations) {
          marker = locations[locations.length - 1];
          locations.push(marker);
        }
        condition = parseExpectedExpression(flowContext);
        expect("then");
        if (options2.scope) createScope();
        flowContext.pushScope();
        body = parseBlock(flowContext);
        flowContext.popScope();
        if (options2.scope) destroyScope();
        clauses.push(finishNode(ast.ifClause(condition, body)));
        if (trackLocations) marker = createLocationMarker();
        while (consume("elseif")) {
          pushLocation(marker);
          condition = parseExpectedExpression(flowContext);
          expect("then");
          if (options2.scope) createScope();
          flowContext.pushScope();
          body = parseBlock(flowContext);
          flowContext.popScope();
          if (options2.scope) destroyScope();
          clauses.push(finishNode(ast.elseifClause(condition, body)));
          if (trackLocations) marker = createLocationMarker();
        }
        if (consume("else")) {
          if (trackLocations) {
            marker = new Marker(previousToken);
            locations.push(marker);
          }
          if (options2.scope) createScope();
          flowContext.pushScope();
          body = parseBlock(flowContext);
          flowContext.popScope();
          if (options2.scope) destroyScope();
          clauses.push(finishNode(ast.elseClause(body)));
        }
        expect("end");
        return finishNode(ast.ifStatement(clauses));
      }
      function parseForStatement(flowContext) {
        var variable = parseIdentifier(), body;
        if (options2.scope) {
          createScope();
          scopeIdentifier(variable);
        }
        if (consume("=")) {
          var start = parseExpectedExpression(flowContext);
          expect(",");
          var end2 = parseExpectedExpression(flowContext);
          var step = consume(",") ? parseExpectedExpression(flowContext) : null;
          expect("do");
          flowContext.pushScope(true);
          body = parseBlock(flowContext);
          flowContext.popScope();
          expect("end");
          if (options2.scope) destroyScope();
          return finishNode(ast.forNumericStatement(variable, start, end2, step, body));
        } else {
          var variables = [variable];
          while (consume(",")) {
            variable = parseIdentifier();
            if (options2.scope) scopeIdentifier(variable);
            variables.push(variable);
          }
          expect("in");
          var iterators = [];
          do {
            var expression = parseExpectedExpression(flowContext);
            iterators.push(expression);
          } while (consume(","));
          expect("do");
          flowContext.pushScope(true);
          body = parseBlock(flowContext);
          flowContext.popScope();
          expect("end");
          if (options2.scope) destroyScope();
          return finishNode(ast.forGenericStatement(variables, iterators, body));
        }
      }
      function parseLocalStatement(flowContext) {
        var name, declToken = previousToken;
        if (Identifier === token.type) {
          var variables = [], init = [];
          do {
            name = parseIdentifier();
            variables.push(name);
            flowContext.addLocal(name.name, declToken);
          } while (consume(","));
          if (consume("=")) {
            do {
              var expression = parseExpectedExpression(flowContext);
              init.push(expression);
            } while (consume(","));
          }
          if (options2.scope) {
            for (var i = 0, l = variables.length; i < l; ++i) {
              scopeIdentifier(variables[i]);
            }
          }
          return finishNode(ast.localStatement(variables, init));
        }
        if (consume("function")) {
          name = parseIdentifier();
          flowContext.addLocal(name.name, declToken);
          if (options2.scope) {
            scopeIdentifier(name);
            createScope();
          }
          return parseFunctionDeclaration(name, true);
        } else {
          raiseUnexpectedToken("<name>", token);
        }
      }
      function parseAssignmentOrCallStatement(flowContext) {
        var previous = token, marker, startMarker;
        var lvalue, base, name;
        var targets = [];
        if (trackLocations) startMarker = createLocationMarker();
        do {
          if (trackLocations) marker = createLocationMarker();
          if (Identifier === token.type) {
            name = token.value;
            base = parseIdentifier();
            if (options2.scope) attachScope(base, scopeHasName(name));
            lvalue = true;
          } else if ("(" === token.value) {
            next2();
            base = parseExpectedExpression(flowContext);
            expect(")");
            lvalue = false;
          } else {
            return unexpected(token);
          }
          both: for (; ; ) {
            var newBase;
            switch (StringLiteral === token.type ? '"' : token.value) {
              case ".":
              case "[":
                lvalue = true;
                break;
              case ":":
              case "(":
              case "{":
              case '"':
                lvalue = null;
                break;
              default:
                break both;
            }
            base = parsePrefixExpressionPart(base, marker, flowContext);
          }
          targets.push(base);
          if ("," !== token.value)
            break;
          if (!lvalue) {
            return unexpected(token);
          }
          next2();
        } while (true);
        if (targets.length === 1 && lvalue === null) {
          pushLocation(marker);
          return finishNode(ast.callStatement(targets[0]));
        } else if (!lvalue) {
          return unexpected(token);
        }
        expect("=");
        var values = [];
        do {
          values.push(parseExpectedExpression(flowContext));
        } while (consume(","));
        pushLocation(startMarker);
        return finishNode(ast.assignmentStatement(targets, values));
      }
      function parseIdentifier() {
        markLocation();
        var identifier = token.value;
        if (Identifier !== token.type) raiseUnexpectedToken("<name>", token);
        next2();
        return finishNode(ast.identifier(identifier));
      }
      function parseFunctionDeclaration(name, isLocal) {
        var flowContext = makeFlowContext();
        flowContext.pushScope();
        var parameters = [];
        expect("(");
        if (!consume(")")) {
          while (true) {
            if (Identifier === token.type) {
              var parameter = parseIdentifier();
              if (options2.scope) scopeIdentifier(parameter);
              parameters.push(parameter);
              if (consume(",")) continue;
            } else if (VarargLiteral === token.type) {
              flowContext.allowVararg = true;
              parameters.push(parsePrimaryExpression(flowContext));
            } else {
              raiseUnexpectedToken("<name> or '...'", token);
            }
            expect(")");
            break;
          }
        }
        var body = parseBlock(flowContext);
        flowContext.popScope();
        expect("end");
        if (options2.scope) destroyScope();
        isLocal = isLocal || false;
        return finishNode(ast.functionStatement(name, parameters, isLocal, body));
      }
      function parseFunctionName() {
        var base, name, marker;
        if (trackLocations) marker = createLocationMarker();
        base = parseIdentifier();
        if (options2.scope) {
          attachScope(base, scopeHasName(base.name));
          createScope();
        }
        while (consume(".")) {
          pushLocation(marker);
          name = parseIdentifier();
          base = finishNode(ast.memberExpression(base, ".", name));
        }
        if (consume(":")) {
          pushLocation(marker);
          name = parseIdentifier();
          base = finishNode(ast.memberExpression(base, ":", name));
          if (options2.scope) scopeIdentifierName("self");
        }
        return base;
      }
      function parseTableConstructor(flowContext) {
        var fields = [], key, value;
        while (true) {
          markLocation();
          if (Punctuator === token.type && consume("[")) {
            key = parseExpectedExpression(flowContext);
            expect("]");
            expect("=");
            value = parseExpectedExpression(flowContext);
            fields.push(finishNode(ast.tableKey(key, value)));
          } else if (Identifier === token.type) {
            if ("=" === lookahead.value) {
              key = parseIdentifier();
              next2();
              value = parseExpectedExpression(flowContext);
              fields.push(finishNode(ast.tableKeyString(key, value)));
            } else {
              value = parseExpectedExpression(flowContext);
              fields.push(finishNode(ast.tableValue(value)));
            }
          } else {
            if (null == (value = parseExpression(flowContext))) {
              locations.pop();
              break;
            }
            fields.push(finishNode(ast.tableValue(value)));
          }
          if (",;".indexOf(token.value) >= 0) {
            next2();
            continue;
          }
          break;
        }
        expect("}");
        return finishNode(ast.tableConstructorExpression(fields));
      }
      function parseExpression(flowContext) {
        var expression = parseSubExpression(0, flowContext);
        return expression;
      }
      function parseExpectedExpression(flowContext) {
        var expression = parseExpression(flowContext);
        if (null == expression) raiseUnexpectedToken("<expression>", token);
        else return expression;
      }
      function binaryPrecedence(operator) {
        var charCode = operator.charCodeAt(0), length2 = operator.length;
        if (1 === length2) {
          switch (charCode) {
            case 94:
              return 12;
            // ^
            case 42:
            case 47:
            case 37:
              return 10;
            // * / %
            case 43:
            case 45:
              return 9;
            // + -
            case 38:
              return 6;
            // &
            case 126:
              return 5;
            // ~
            case 124:
              return 4;
            // |
            case 60:
            case 62:
              return 3;
          }
        } else if (2 === length2) {
          switch (charCode) {
            case 47:
              return 10;
            // //
            case 46:
              return 8;
            // ..
            case 60:
            case 62:
              if ("<<" === operator || ">>" === operator) return 7;
              return 3;
            // <= >=
            case 61:
            case 126:
              return 3;
            // == ~=
            case 111:
              return 1;
          }
        } else if (97 === charCode && "and" === operator) return 2;
        return 0;
      }
      function parseSubExpression(minPrecedence, flowContext) {
        var operator = token.value, expression, marker;
        if (trackLocations) marker = createLocationMarker();
        if (isUnary(token)) {
          markLocation();
          next2();
          var argument = parseSubExpression(10, flowContext);
          if (argument == null) raiseUnexpectedToken("<expression>", token);
          expression = finishNode(ast.unaryExpression(operator, argument));
        }
        if (null == expression) {
          expression = parsePrimaryExpression(flowContext);
          if (null == expression) {
            expression = parsePrefixExpression(flowContext);
          }
        }
        if (null == expression) return null;
        var precedence;
        while (true) {
          operator = token.value;
          precedence = Punctuator === token.type || Keyword === token.type ? binaryPrecedence(operator) : 0;
          if (precedence === 0 || precedence <= minPrecedence) break;
          if ("^" === operator || ".." === operator) --precedence;
          next2();
          var right = parseSubExpression(precedence, flowContext);
          if (null == right) raiseUnexpectedToken("<expression>", token);
          if (trackLocations) locations.push(marker);
          expression = finishNode(ast.binaryExpression(operator, expression, right));
        }
        return expression;
      }
      function parsePrefixExpressionPart(base, marker, flowContext) {
        var expression, identifier;
        if (Punctuator === token.type) {
          switch (token.value) {
            case "[":
              pushLocation(marker);
              next2();
              expression = parseExpectedExpression(flowContext);
              expect("]");
              return finishNode(ast.indexExpression(base, expression));
            case ".":
              pushLocation(marker);
              next2();
              identifier = parseIdentifier();
              return finishNode(ast.memberExpression(base, ".", identifier));
            case ":":
              pushLocation(marker);
              next2();
              identifier = parseIdentifier();
              base = finishNode(ast.memberExpression(base, ":", identifier));
              pushLocation(marker);
              return parseCallExpression(base, flowContext);
            case "(":
            case "{":
              pushLocation(marker);
              return parseCallExpression(base, flowContext);
          }
        } else if (StringLiteral === token.type) {
          pushLocation(marker);
          return parseCallExpression(base, flowContext);
        }
        return null;
      }
      function parsePrefixExpression(flowContext) {
        var base, name, marker;
        if (trackLocations) marker = createLocationMarker();
        if (Identifier === token.type) {
          name = token.value;
          base = parseIdentifier();
          if (options2.scope) attachScope(base, scopeHasName(name));
        } else if (consume("(")) {
          base = parseExpectedExpression(flowContext);
          expect(")");
        } else {
          return null;
        }
        for (; ; ) {
          var newBase = parsePrefixExpressionPart(base, marker, flowContext);
          if (newBase === null)
            break;
          base = newBase;
        }
        return base;
      }
      function parseCallExpression(base, flowContext) {
        if (Punctuator === token.type) {
          switch (token.value) {
            case "(":
              if (!features.emptyStatement) {
                if (token.line !== previousToken.line)
                  raise(null, errors.ambiguousSyntax, token.value);
              }
              next2();
              var expressions = [];
              var expression = parseExpression(flowContext);
              if (null != expression) expressions.push(expression);
              while (consume(",")) {
                expression = parseExpectedExpression(flowContext);
                expressions.push(expression);
              }
              expect(")");
              return finishNode(ast.callExpression(base, expressions));
            case "{":
              markLocation();
              next2();
              var table2 = parseTableConstructor(flowContext);
              return finishNode(ast.tableCallExpression(base, table2));
          }
        } else if (StringLiteral === token.type) {
          return finishNode(ast.stringCallExpression(base, parsePrimaryExpression(flowContext)));
        }
        raiseUnexpectedToken("function arguments", token);
      }
      function parsePrimaryExpression(flowContext) {
        var literals = StringLiteral | NumericLiteral | BooleanLiteral | NilLiteral | VarargLiteral, value = token.value, type = token.type, marker;
        if (trackLocations) marker = createLocationMarker();
        if (type === VarargLiteral && !flowContext.allowVararg) {
          raise(token, errors.cannotUseVararg, token.value);
        }
        if (type & literals) {
          pushLocation(marker);
          var raw = input.slice(token.range[0], token.range[1]);
          next2();
          return finishNode(ast.literal(type, value, raw));
        } else if (Keyword === type && "function" === value) {
          pushLocation(marker);
          next2();
          if (options2.scope) createScope();
          return parseFunctionDeclaration(null);
        } else if (consume("{")) {
          pushLocation(marker);
          return parseTableConstructor(flowContext);
        }
      }
      exports2.parse = parse;
      var versionFeatures = {
        "5.1": {},
        "5.2": {
          labels: true,
          emptyStatement: true,
          hexEscapes: true,
          skipWhitespaceEscape: true,
          strictEscapes: true,
          relaxedBreak: true
        },
        "5.3": {
          labels: true,
          emptyStatement: true,
          hexEscapes: true,
          skipWhitespaceEscape: true,
          strictEscapes: true,
          unicodeEscapes: true,
          bitwiseOperators: true,
          integerDivision: true,
          relaxedBreak: true
        },
        "LuaJIT": {
          // XXX: LuaJIT language features may depend on compilation options; may need to
          // rethink how to handle this. Specifically, there is a LUAJIT_ENABLE_LUA52COMPAT
          // that removes contextual goto. Maybe add 'LuaJIT-5.2compat' as well?
          labels: true,
          contextualGoto: true,
          hexEscapes: true,
          skipWhitespaceEscape: true,
          strictEscapes: true,
          unicodeEscapes: true,
          imaginaryNumbers: true,
          integerSuffixes: true
        }
      };
      function parse(_input, _options) {
        if ("undefined" === typeof _options && "object" === typeof _input) {
          _options = _input;
          _input = void 0;
        }
        if (!_options) _options = {};
        input = _input || "";
        options2 = assign({}, defaultOptions, _options);
        index2 = 0;
        line = 1;
        lineStart = 0;
        length = input.length;
        scopes = [[]];
        scopeDepth = 0;
        globals = [];
        locations = [];
        if (!Object.prototype.hasOwnProperty.call(versionFeatures, options2.luaVersion)) {
          throw new Error(sprintf("Lua version '%1' not supported", options2.luaVersion));
        }
        features = assign({}, versionFeatures[options2.luaVersion]);
        if (options2.extendedIdentifiers !== void 0)
          features.extendedIdentifiers = !!options2.extendedIdentifiers;
        if (!Object.prototype.hasOwnProperty.call(encodingModes, options2.encodingMode)) {
          throw new Error(sprintf("Encoding mode '%1' not supported", options2.encodingMode));
        }
        encodingMode = encodingModes[options2.encodingMode];
        if (options2.comments) comments = [];
        if (!options2.wait) return end();
        return exports2;
      }
      exports2.write = write2;
      function write2(_input) {
        input += String(_input);
        length = input.length;
        return exports2;
      }
      exports2.end = end;
      function end(_input) {
        if ("undefined" !== typeof _input) write2(_input);
        if (input && input.substr(0, 2) === "#!") input = input.replace(/^.*/, function(line2) {
          return line2.replace(/./g, " ");
        });
        length = input.length;
        trackLocations = options2.locations || options2.ranges;
        lookahead = lex();
        var chunk = parseChunk();
        if (options2.comments) chunk.comments = comments;
        if (options2.scope) chunk.globals = globals;
        if (locations.length > 0)
          throw new Error("Location tracking failed. This is most likely a bug in luaparse");
        return chunk;
      }
    });
  }
});

// src/main.ts
init_globals();

// ../../packages/aside/dist/index.js
init_globals();

// ../../packages/core/dist/index.js
init_globals();

// ../../packages/core/dist/chunk-QMVQH6FZ.js
init_globals();

// ../../packages/core/dist/chunk-N2PSVZGU.js
init_globals();

// ../../packages/core/dist/chunk-HSG5YQSS.js
init_globals();

// src/shims/node-modules.ts
init_globals();
var import_buffer2 = __toESM(require_buffer());

// ../../node_modules/.pnpm/@noble+hashes@2.4.0/node_modules/@noble/hashes/legacy.js
init_globals();

// ../../node_modules/.pnpm/@noble+hashes@2.4.0/node_modules/@noble/hashes/_md.js
init_globals();

// ../../node_modules/.pnpm/@noble+hashes@2.4.0/node_modules/@noble/hashes/_u64.js
init_globals();
var fromNumH = (n) => n / 2 ** 32 | 0;
var fromNumL = (n) => n >>> 0;
function setU64FromNum(view, byteOffset, n, isLE) {
  const h = fromNumH(n);
  const l = fromNumL(n);
  view.setUint32(byteOffset, isLE ? l : h, isLE);
  view.setUint32(byteOffset + 4, isLE ? h : l, isLE);
}

// ../../node_modules/.pnpm/@noble+hashes@2.4.0/node_modules/@noble/hashes/utils.js
init_globals();
function isBytes(a) {
  return a instanceof Uint8Array || ArrayBuffer.isView(a) && a.constructor.name === "Uint8Array" && "BYTES_PER_ELEMENT" in a && a.BYTES_PER_ELEMENT === 1;
}
var atitle = (title) => title ? `"${title}" ` : "";
function anumber(n, title = "") {
  if (typeof n !== "number")
    throw new TypeError(atitle(title) + "expected number, got " + typeof n);
  if (!Number.isSafeInteger(n) || n < 0)
    throw new RangeError(atitle(title) + "expected integer >= 0, got " + n);
  return n;
}
function abytes(value, length, title = "") {
  if (isBytes(value) && (length === void 0 || value.length === length))
    return value;
  if (length !== void 0)
    anumber(length, "length");
  const bytes2 = isBytes(value);
  const ofLen = length !== void 0 ? ` of length ${length}` : "";
  const got = bytes2 ? `length=${value.length}` : `type=${typeof value}`;
  const message = atitle(title) + "expected Uint8Array" + ofLen + ", got " + got;
  if (!bytes2)
    throw new TypeError(message);
  throw new RangeError(message);
}
var aobject = (value, label) => {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError((label === "object" ? "" : `"${label}" `) + "expected object, got type=" + typeof value);
};
var aopts = (value, label) => {
  aobject(value, label);
  const proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null)
    throw new TypeError(`"${label}" expected plain object`);
  if (Object.hasOwn(value, "__proto__"))
    throw new TypeError(`"${label}.__proto__" is not allowed`);
};
function aexists(instance2, checkFinished = true) {
  if (instance2.destroyed)
    throw new Error("hash was destroyed");
  if (checkFinished && instance2.finished)
    throw new Error("digest() was already called");
}
function aoutput(out, instance2) {
  abytes(out, void 0, "output");
  const min = instance2.outputLen;
  if (!(out.length >= min)) {
    throw new RangeError('"output" expected length >= ' + min);
  }
}
function clean(...arrays) {
  for (let i = 0; i < arrays.length; i++) {
    arrays[i].fill(0);
  }
}
function createView(arr) {
  return new DataView(arr.buffer, arr.byteOffset, arr.byteLength);
}
function rotl(word, shift) {
  return word << shift | word >>> 32 - shift >>> 0;
}
function checkOpts(defaults, opts, title = "opts") {
  aopts(defaults, "defaults");
  if (opts !== void 0)
    aopts(opts, title);
  const merged = Object.assign(/* @__PURE__ */ Object.create(null), defaults, opts);
  return merged;
}
function createHasher(hashCons, info = {}) {
  if (typeof hashCons !== "function")
    throw new TypeError('"hashCons" expected function, got type=' + typeof hashCons);
  info = checkOpts({}, info, "info");
  const hashC = (msg, opts) => hashCons(opts).update(msg).digest();
  const tmp = hashCons(void 0);
  hashC.outputLen = tmp.outputLen;
  hashC.blockLen = tmp.blockLen;
  hashC.canXOF = tmp.canXOF;
  hashC.create = (opts) => hashCons(opts);
  Object.assign(hashC, info);
  return Object.freeze(hashC);
}

// ../../node_modules/.pnpm/@noble+hashes@2.4.0/node_modules/@noble/hashes/_md.js
function Chi(a, b, c) {
  return a & b ^ ~a & c;
}
function Maj(a, b, c) {
  return a & b ^ a & c ^ b & c;
}
var HashMD = class {
  blockLen;
  outputLen;
  canXOF = false;
  padOffset;
  isLE;
  // For partial updates less than block size
  buffer;
  view;
  finished = false;
  length = 0;
  pos = 0;
  destroyed = false;
  constructor(blockLen, outputLen, padOffset, isLE) {
    this.blockLen = blockLen;
    this.outputLen = outputLen;
    this.padOffset = padOffset;
    this.isLE = isLE;
    this.buffer = new Uint8Array(blockLen);
    this.view = createView(this.buffer);
  }
  update(data) {
    aexists(this);
    abytes(data);
    const { view, buffer, blockLen } = this;
    const len = data.length;
    let processed = false;
    for (let pos = 0; pos < len; ) {
      const take = Math.min(blockLen - this.pos, len - pos);
      if (take === blockLen) {
        const dataView = createView(data);
        for (; blockLen <= len - pos; pos += blockLen)
          this.process(dataView, pos);
        processed = true;
        continue;
      }
      buffer.set(pos === 0 && take === len ? data : data.subarray(pos, pos + take), this.pos);
      this.pos += take;
      pos += take;
      if (this.pos === blockLen) {
        this.process(view, 0);
        this.pos = 0;
        processed = true;
      }
    }
    this.length += data.length;
    if (processed)
      this.roundClean();
    return this;
  }
  digestInto(out) {
    aexists(this);
    aoutput(out, this);
    this.finished = true;
    const { buffer, view, blockLen, isLE } = this;
    let { pos } = this;
    buffer[pos++] = 128;
    buffer.fill(0, pos);
    if (this.padOffset > blockLen - pos) {
      this.process(view, 0);
      buffer.fill(0);
    }
    setU64FromNum(view, blockLen - 8, this.length * 8, isLE);
    this.process(view, 0);
    this.roundClean();
    const oview = out === buffer ? view : createView(out);
    const len = this.outputLen;
    const outLen = len / 4;
    const state = this.get();
    if (len % 4 || outLen > state.length)
      throw new Error("invalid outputLen");
    for (let i = 0; i < outLen; i++)
      oview.setUint32(4 * i, state[i], isLE);
  }
  digest() {
    const { buffer, outputLen } = this;
    this.digestInto(buffer);
    const res = buffer.slice(0, outputLen);
    this.destroy();
    return res;
  }
  _cloneIntoMeta(to) {
    const { buffer, length, finished, destroyed, pos } = this;
    to.destroyed = destroyed;
    to.finished = finished;
    to.length = length;
    to.pos = pos;
    if (pos)
      to.buffer.set(buffer);
    return to;
  }
  clone() {
    return this._cloneInto();
  }
};

// ../../node_modules/.pnpm/@noble+hashes@2.4.0/node_modules/@noble/hashes/legacy.js
var SHA1_IV = /* @__PURE__ */ Uint32Array.from([
  1732584193,
  4023233417,
  2562383102,
  271733878,
  3285377520
]);
var SHA1_W = /* @__PURE__ */ new Uint32Array(80);
var _SHA1 = class extends HashMD {
  A = SHA1_IV[0] | 0;
  B = SHA1_IV[1] | 0;
  C = SHA1_IV[2] | 0;
  D = SHA1_IV[3] | 0;
  E = SHA1_IV[4] | 0;
  constructor() {
    super(64, 20, 8, false);
  }
  get() {
    const { A, B, C, D, E } = this;
    return [A, B, C, D, E];
  }
  set(A, B, C, D, E) {
    this.A = A | 0;
    this.B = B | 0;
    this.C = C | 0;
    this.D = D | 0;
    this.E = E | 0;
  }
  _cloneInto(to) {
    (to ||= new this.constructor()).set(...this.get());
    return this._cloneIntoMeta(to);
  }
  process(view, offset) {
    for (let i = 0; i < 16; i++, offset += 4)
      SHA1_W[i] = view.getUint32(offset, false);
    for (let i = 16; i < 80; i++)
      SHA1_W[i] = rotl(SHA1_W[i - 3] ^ SHA1_W[i - 8] ^ SHA1_W[i - 14] ^ SHA1_W[i - 16], 1);
    let { A, B, C, D, E } = this;
    for (let i = 0; i < 80; i++) {
      let F, K;
      if (i < 20) {
        F = Chi(B, C, D);
        K = 1518500249;
      } else if (i < 40) {
        F = B ^ C ^ D;
        K = 1859775393;
      } else if (i < 60) {
        F = Maj(B, C, D);
        K = 2400959708;
      } else {
        F = B ^ C ^ D;
        K = 3395469782;
      }
      const T2 = rotl(A, 5) + F + E + K + SHA1_W[i] | 0;
      E = D;
      D = C;
      C = rotl(B, 30);
      B = A;
      A = T2;
    }
    A = A + this.A | 0;
    B = B + this.B | 0;
    C = C + this.C | 0;
    D = D + this.D | 0;
    E = E + this.E | 0;
    this.set(A, B, C, D, E);
  }
  roundClean() {
    clean(SHA1_W);
  }
  destroy() {
    this.destroyed = true;
    this.set(0, 0, 0, 0, 0);
    clean(this.buffer);
  }
};
var sha1 = /* @__PURE__ */ createHasher(() => new _SHA1());

// src/shims/node-modules.ts
init_immediate();
function isUtf8(bytes2) {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes2);
    return true;
  } catch {
    return false;
  }
}
function createHash(algorithm) {
  if (algorithm !== "sha1") throw new Error(`There is no ${algorithm} in this example.`);
  const hash = sha1.create();
  return {
    update(data, encoding) {
      hash.update(typeof data === "string" ? import_buffer2.Buffer.from(data, encoding) : data);
      return this;
    },
    digest: (encoding) => import_buffer2.Buffer.from(hash.digest()).toString(encoding)
  };
}
function randomBytes(size) {
  const bytes2 = import_buffer2.Buffer.from(crypto.getRandomValues(new Uint8Array(size)));
  const asBase64Url = () => bytes2.toString("base64").replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return {
    toString: (encoding) => encoding === "base64url" ? asBase64Url() : bytes2.toString(encoding)
  };
}
function channel(name) {
  return { name, hasSubscribers: false, publish() {
  }, subscribe() {
  }, unsubscribe: () => false };
}
function setImmediate3() {
  return new Promise((resolve) => setImmediate2(resolve));
}
function setTimeout2(ms, value, { signal } = {}) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = globalThis.setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve(value);
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
var missing = () => {
  throw new Error("This function of Node.js is missing in the browser.");
};

// ../../packages/core/dist/chunk-HSG5YQSS.js
var import_cluster_key_slot = __toESM(require_lib(), 1);
function redactedError(raw, args = []) {
  return copyOf(raw, { args, depth: 0 });
}
function errorWithoutMessage(raw) {
  if (!(raw instanceof Error)) return void 0;
  return copyWithMessage(raw, "its message is left out, as it may quote the value");
}
function redactedText(text2, args = []) {
  const plain = text2.slice(0, MAX_LENGTH).replace(/,? *with args beginning with:[^]*$/, "").replace(/(\w:\/\/)\S*@/g, "$1");
  if (args.length === 0) return plain;
  const isArgument = (part) => part !== "" && args.some((arg) => arg.includes(part));
  let redacted = plain;
  for (const arg of args)
    if (arg.length >= MIN_ARGUMENT_LENGTH && arg.length <= plain.length * 3)
      redacted = redacted.replaceAll(arg.toString(), MASK);
  return redacted.replace(
    /(['"`])(.*?)\1/g,
    (quoted2, quote2, quotedText) => isArgument(quotedText) ? `${quote2}${MASK}${quote2}` : quoted2
  ).replace(
    /[^\s'"`…,;:()[\]{}]+/g,
    (word) => word.length >= MIN_PART_LENGTH && isArgument(word) ? MASK : word
  );
}
var MAX_LENGTH = 1e3;
var MIN_ARGUMENT_LENGTH = 4;
var MIN_PART_LENGTH = 5;
var MASK = "\u2026";
var MAX_DEPTH = 4;
var copies = /* @__PURE__ */ new WeakMap();
var latest;
function copyOf(raw, { args, depth }) {
  if (!(raw instanceof Error)) return new Error("a value was thrown that is not an Error");
  const existing = copies.get(raw) ?? (latest && isEquivalent(raw, latest.raw) ? latest.copy : void 0);
  if (existing) return existing;
  const { command, errors, lastNodeError } = raw;
  const hidden = [...args, ...argumentsOf(command?.args)];
  const inner = raw.cause ?? lastNodeError ?? (Array.isArray(errors) ? errors[0] : void 0);
  const cause = inner instanceof Error && depth < MAX_DEPTH ? copyOf(inner, { args: hidden, depth: depth + 1 }) : void 0;
  const copy = copyWithMessage(
    raw,
    redactedText(String(raw.message), hidden) || (cause?.message ?? ""),
    cause
  );
  copies.set(raw, copy);
  copies.set(copy, copy);
  if (isPlain(raw)) latest = { raw, copy };
  return copy;
}
function isEquivalent(first, second) {
  return first.message === second.message && first.name === second.name && first.code === second.code && isPlain(first);
}
function isPlain({ command, cause, errors, lastNodeError }) {
  return command === void 0 && cause === void 0 && errors === void 0 && lastNodeError === void 0;
}
function argumentsOf(args) {
  return Array.isArray(args) ? args.flat().filter((arg) => typeof arg === "string" || Buffer.isBuffer(arg)) : [];
}
function copyWithMessage(raw, message, cause) {
  const copy = new Error(message, cause && { cause });
  const name = /^[A-Za-z_$][\w$]{0,63}$/.test(raw.name) ? raw.name : "Error";
  Object.defineProperty(copy, "name", { value: name, configurable: true, writable: true });
  copy.stack = [message === "" ? name : `${name}: ${message}`, ...framesOf(raw)].join("\n");
  const { code } = raw;
  if (Number.isInteger(code) || typeof code === "string" && /^[\w-]{1,64}$/.test(code))
    Object.assign(copy, { code });
  return copy;
}
function framesOf({ stack, message }) {
  const text2 = String(stack ?? "");
  const start = text2.indexOf(message);
  return text2.slice(start === -1 ? 0 : start + message.length).split("\n").filter((line) => /^ {4}at /.test(line));
}
var BRAND = /* @__PURE__ */ Symbol.for("@cache/core/error");
var CacheError = class extends Error {
  /**
   * The name of the class, which is the same in every copy of this package and in minified code. It
   * is the `name` of its errors. If your own subclass has one, it is recognised across copies too.
   */
  static kind = "CacheError";
  /**
   * Makes `instanceof` work for errors of another copy of this package: in CommonJS, in a bundle,
   * or of another version.
   */
  static [Symbol.hasInstance](value) {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    return isOfAnotherCopy(value) && Object.hasOwn(this, "kind") && kindsOf(value).includes(this.kind);
  }
  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }
  code;
  key;
  command;
  constructor(message, details = {}) {
    super(message, details.cause === void 0 ? void 0 : { cause: details.cause });
    this.name = new.target.kind;
    this.code = details.code ?? "CACHE";
    this.key = details.key;
    this.command = details.command;
  }
};
var ConnectionError = class extends CacheError {
  static kind = "ConnectionError";
  constructor(message, details = {}) {
    super(message, { code: "CONNECTION", ...withRedactedCause(details) });
  }
};
var CommandTimeoutError = class extends CacheError {
  static kind = "CommandTimeoutError";
  constructor(message, details = {}) {
    super(message, { code: "TIMEOUT", ...withRedactedCause(details) });
  }
};
var ServerError = class _ServerError extends CacheError {
  static kind = "ServerError";
  constructor(message, details = {}) {
    super(message, withRedactedCause(details));
  }
  /** Creates an error from the text of an error reply, `CODE message`. */
  static fromReply(reply, { args = [], ...details } = {}) {
    const text2 = redactedText(reply, args);
    const replyCode = /^[A-Z][A-Z0-9]*(?= |$)/.exec(reply)?.[0] ?? "ERR";
    const code = replyCode === reply && replyCode !== text2 ? "ERR" : replyCode;
    const subject = [details.command, details.key].filter(Boolean).join(" ");
    const advice = code === "NOPERM" ? '. Allow this user the keys and channels of its namespace, and the commands that "ACL" in the README of @cache/core names' : "";
    return new _ServerError(`Redis refused ${subject || "a command"}: ${text2}${advice}`, {
      ...details,
      code
    });
  }
};
var CacheWriteError = class extends CacheError {
  static kind = "CacheWriteError";
  stored = true;
  #result;
  constructor(keys, result, intentTtl, cause) {
    super(
      `The source was changed, but Redis could not be informed for ${someOf(keys)}. The cached entries expire within ${intentTtl} ms. Do not repeat the change.`,
      { code: "CACHE_WRITE", key: keys[0], cause }
    );
    this.#result = result;
  }
  /** The result of the change. It is not shown when the error is printed. */
  get result() {
    return this.#result;
  }
};
var CacheUnavailableError = class extends CacheError {
  static kind = "CacheUnavailableError";
  stored = false;
  constructor(keys, cause) {
    const reason = cause instanceof CacheError ? ` ${cause.message}` : "";
    super(
      `Nothing was written for ${someOf(keys)}: Redis could not be informed of the change beforehand.${reason}`,
      { code: "CACHE_UNAVAILABLE", key: keys[0], cause }
    );
  }
};
var CodecError = class extends CacheError {
  static kind = "CodecError";
  constructor(message, details = {}) {
    super(message, { code: "CODEC", ...details });
  }
};
var InvalidKeyError = class extends CacheError {
  static kind = "InvalidKeyError";
  constructor(message, details = {}) {
    super(message, { code: "INVALID_KEY", ...details });
  }
};
var InvalidOptionError = class extends CacheError {
  constructor(option, expected, ...received) {
    const receivedText = received.length === 0 ? "" : `, but is ${describe(received[0])}`;
    super(`Option "${option}" must be ${expected}${receivedText}.`, { code: "INVALID_OPTION" });
    this.option = option;
  }
  option;
  static kind = "InvalidOptionError";
};
function summaryOf(error) {
  if (error instanceof CacheError) return error.message;
  if (!(error instanceof Error)) return `Not an Error, but of type ${typeof error}.`;
  const { name, code } = redactedError(error);
  return code === void 0 ? `${name}.` : `${name} ${code}.`;
}
function withRedactedCause(details) {
  const { cause } = details;
  return cause === void 0 || cause instanceof CacheError ? details : { ...details, cause: redactedError(cause) };
}
function isOfAnotherCopy(value) {
  return typeof value === "object" && value !== null && BRAND in value;
}
function kindsOf(error) {
  const kinds = [];
  for (let type = error.constructor; typeof type === "function"; type = Object.getPrototypeOf(type)) {
    if (Object.hasOwn(type, "kind"))
      kinds.push(type.kind);
  }
  return kinds;
}
function someOf(keys) {
  return `${keys.slice(0, 3).join(", ")}${keys.length > 3 ? ` and ${keys.length - 3} more` : ""}`;
}
function describe(value) {
  if (value === null || value === void 0 || typeof value === "boolean") return String(value);
  if (typeof value === "number" || typeof value === "bigint") return `${typeof value} ${value}`;
  if (typeof value === "string")
    return AMOUNT.test(value) ? JSON.stringify(value) : `a string of ${value.length} characters`;
  if (Array.isArray(value)) return "an array";
  return typeof value === "function" ? "a function" : "an object";
}
var AMOUNT = /^(-?\d{0,9}(\.\d{1,9})? ?(ms|[smhdb]|[kmg]b)?)?$/i;
var PROCESS = randomBytes(12).toString("base64url");
var count = 0;
function createToken() {
  return `${PROCESS}.${(++count).toString(36)}`;
}
var MAX_KEY_BYTES = 8 * 1024;
var companionNames = ["lease", "intents", "holders", "parts"];
function createKeys(namespace, prefix) {
  const start = keyStart("prefix", prefix, keyStart("namespace", namespace, ""));
  const tagged = hashTag(start) !== void 0;
  return (...parts) => {
    if (parts.length === 0) throw new InvalidKeyError("A key needs at least one part.");
    let key = start + escapedPart(parts[0], tagged);
    for (let i = 1; i < parts.length; i++) key += `:${escapedPart(parts[i], tagged)}`;
    return checkLength(key);
  };
}
function checkPrefix(option, value, namespace = "") {
  const isValid = typeof value === "string" && /^[^{}]*(\{[^{}]+\})?[^{}]*$/.test(value) && value !== "" && !UNPRINTABLE_CHARACTERS.test(value);
  if (!isValid)
    throw new InvalidOptionError(
      option,
      "a non-empty string without control characters, its braces (if any) one hash tag: {tag}",
      value
    );
  if (isBeside(`${namespace === "" ? "" : `${namespace}:`}${value}:`)) {
    const expected = "another one: its keys would be taken for companions of the key in the hash tag";
    throw new InvalidOptionError(option, expected, value);
  }
  return value;
}
function rawKey(key) {
  if (typeof key !== "string" || key === "")
    throw new InvalidKeyError(`A key must be a non-empty string, but is ${quoted(key)}.`);
  checkLength(key);
  if (isPlain2(key)) return key;
  if (UNPRINTABLE_CHARACTERS.test(key)) throw unprintableError("The key", key);
  const tag = hashTag(key);
  if (tag === void 0) {
    if (key.includes("}"))
      throw new InvalidKeyError(
        `The key ${quoted(key)} has a "}" but no hash tag: its lease could not be in its Cluster slot.`
      );
    return key;
  }
  if (key === beside(tag))
    throw new InvalidKeyError(
      `The key ${quoted(key)} would have the lease of ${quoted(tag)}: give its hash tag another name, or none.`
    );
  if (isBeside(key))
    throw new InvalidKeyError(`The key ${quoted(key)} is named like a companion of another key.`);
  return key;
}
function beside(key) {
  return hashTag(key) === void 0 ? `${stem(key)}{${key}}` : key;
}
function stem(key) {
  const open = key.indexOf("{");
  return key.slice(0, key.lastIndexOf(":", open < 0 ? key.length : open) + 1);
}
function isBeside(key) {
  const tag = hashTag(key);
  return tag !== void 0 && (tag.includes(":") && key.startsWith(`${beside(tag)}:`) || companionOf(key) !== void 0);
}
function companion(key, name) {
  return `${beside(key)}:${name}`;
}
function companionOf(key) {
  const end = key.lastIndexOf(":");
  const tag = hashTag(key);
  if (tag === void 0 || end < 0 || !isCompanionName(key.slice(end + 1))) return void 0;
  const start = key.slice(0, end);
  return start === beside(tag) ? tag : start;
}
function hashTag(key) {
  const open = key.indexOf("{");
  if (open < 0) return void 0;
  const close = key.indexOf("}", open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : void 0;
}
function keyStart(option, prefix, before) {
  return prefix === void 0 || prefix === "" ? before : `${before}${checkPrefix(option, prefix, before.slice(0, -1))}:`;
}
function escapedPart(part, tagged) {
  if (typeof part === "string")
    return isPlain2(part) ? tagged && isCompanionName(part) ? percent(part[0]) + part.slice(1) : part : escapedText(part);
  if (typeof part === "number" && Math.abs(part) <= Number.MAX_SAFE_INTEGER) return String(part);
  if (typeof part === "bigint") return String(part);
  if (typeof part === "number" && Number.isFinite(part))
    throw new InvalidKeyError(
      `A number in a key must be within \xB1(2^53 - 1), but one is ${part}: give it as a bigint or a string.`
    );
  throw new InvalidKeyError(
    `A part of a key must be a non-empty string, a finite number or a bigint, but one is ${quoted(part)}.`
  );
}
function escapedText(part) {
  if (part === "") throw new InvalidKeyError("A part of a key must not be empty.");
  if (part.length > MAX_KEY_BYTES) throw tooLongError(part);
  if (UNPRINTABLE_CHARACTERS.test(part)) throw unprintableError("A part of a key", part);
  return part.replace(/[:%{}]/g, percent);
}
function isPlain2(text2) {
  for (let i = 0; i < text2.length; i++) {
    const code = text2.charCodeAt(i);
    if (code < 32 || code > 122 || code === 58 || code === 37) return false;
  }
  return text2 !== "";
}
function isCompanionName(part) {
  return companionNames.includes(part);
}
function percent(character) {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
function checkLength(key) {
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw tooLongError(key);
  return key;
}
var UNPRINTABLE_CHARACTERS = new RegExp("[\\u0000-\\u001f\\u007f-\\u009f]|\\p{Surrogate}", "u");
function unprintableError(subject, text2) {
  return new InvalidKeyError(
    `${subject} must be without control characters and lone surrogates, but is ${quoted(text2)}.`
  );
}
function tooLongError(key) {
  return new InvalidKeyError(
    `A key must be at most ${MAX_KEY_BYTES} bytes long, but one has ${Buffer.byteLength(key)}: ${quoted(key)}.`
  );
}
function quoted(part) {
  if (typeof part !== "string")
    return typeof part === "number" ? String(part) : part === null ? "null" : typeof part;
  const text2 = JSON.stringify(part.slice(0, 60)).replaceAll("\x7F", "\\u007f");
  return part.length > 60 ? `${text2}\u2026` : text2;
}

// ../../packages/core/dist/chunk-N2PSVZGU.js
var SwapList = class {
  #handles = [];
  get size() {
    return this.#handles.length;
  }
  get handles() {
    return this.#handles;
  }
  add(item) {
    const handle = { item, index: this.#handles.length };
    this.#handles.push(handle);
    return handle;
  }
  /** Removes an item. Returns whether it was in the list. */
  delete(handle) {
    if (this.#handles[handle.index] !== handle) return false;
    const last = this.#handles.pop();
    if (last !== handle) {
      this.#handles[handle.index] = last;
      last.index = handle.index;
    }
    return true;
  }
  /** Iterates over the items that are in the list now, even if the list changes in the meantime. */
  [Symbol.iterator]() {
    return this.#handles.map(({ item }) => item)[Symbol.iterator]();
  }
};
function unref(timer) {
  ;
  timer.unref?.();
  return timer;
}
var Deadlines = class {
  #forReplies;
  #open = new SwapList();
  #timer;
  #armedFor = Infinity;
  constructor({ forReplies = false } = {}) {
    this.#forReplies = forReplies;
  }
  /** Calls `expire` after `ms`, unless `done` is called before. */
  set(ms, expire2, now = performance.now()) {
    const deadline = this.#open.add({ at: now + ms, ms, extended: 0, expire: expire2 });
    if (deadline.item.at < this.#armedFor) this.#arm(deadline.item.at, ms);
    return deadline;
  }
  /** Removes a deadline. */
  done(deadline) {
    this.#open.delete(deadline);
  }
  #arm(at, ms) {
    clearTimeout(this.#timer);
    this.#armedFor = at;
    this.#timer = unref(setTimeout(() => this.#check(), Math.min(Math.ceil(ms), 2 ** 31 - 1)));
  }
  #check() {
    const now = performance.now();
    const blocked = this.#forReplies && now - this.#armedFor > BLOCKED_AFTER;
    this.#armedFor = Infinity;
    const due = [];
    let next2 = Infinity;
    for (const handle of this.#open.handles) {
      const deadline = handle.item;
      if (blocked && deadline.at <= now && deadline.extended < MAX_EXTENSIONS) {
        deadline.extended++;
        deadline.at = now + Math.min(now - deadline.at, deadline.ms);
      }
      if (deadline.at <= now) due.push(handle);
      else next2 = Math.min(next2, deadline.at);
    }
    if (next2 < Infinity) this.#arm(next2, next2 - now);
    if (this.#forReplies && due.length > 0) setImmediate(() => this.#expire(due));
    else this.#expire(due);
  }
  #expire(due) {
    due.sort((a, b) => a.item.at - b.item.at);
    for (const handle of due) if (this.#open.delete(handle)) handle.item.expire();
  }
};
var BLOCKED_AFTER = 10;
var MAX_EXTENSIONS = 3;
var MILLISECONDS = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
var EXPECTED = "a duration: milliseconds above 0, or '500ms' | '30s' | '5m' | '1h' | '7d'";
function parseDuration(duration, option) {
  const ms = typeof duration === "number" ? duration : milliseconds(duration);
  if (!(ms > 0 && ms <= Number.MAX_SAFE_INTEGER))
    throw new InvalidOptionError(option, EXPECTED, duration);
  return Math.max(1, Math.round(ms));
}
function milliseconds(text2) {
  if (typeof text2 !== "string") return NaN;
  const match2 = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text2);
  return match2 ? Number(match2[1]) * MILLISECONDS[match2[2]] : NaN;
}
function jittered(ms, share) {
  return share === 0 ? ms : Math.max(1, Math.round(ms * (1 + share * (2 * Math.random() - 1))));
}
var BYTES = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };
function parseSize(size, option) {
  const bytes2 = typeof size === "number" ? size : fromText(size);
  if (!(bytes2 > 0 && bytes2 <= Number.MAX_SAFE_INTEGER))
    throw new InvalidOptionError(
      option,
      "a size: bytes above 0, or '512b' | '4kb' | '64mb' | '1gb'",
      size
    );
  return Math.max(1, Math.round(bytes2));
}
function fromText(text2) {
  if (typeof text2 !== "string") return NaN;
  const match2 = /^(\d+(?:\.\d+)?)(b|kb|mb|gb)$/.exec(text2);
  return match2 ? Number(match2[1]) * BYTES[match2[2]] : NaN;
}
function checkOptions(owner, options2, known) {
  if (typeof options2 !== "object" || options2 === null || Array.isArray(options2))
    throw new InvalidOptionError(owner, "an object of options", options2);
  const checks = new OptionChecks("", options2);
  checks.only(known);
  return checks;
}
var OptionChecks = class _OptionChecks {
  #path;
  #options;
  constructor(path, options2) {
    this.#path = path;
    this.#options = options2;
  }
  /** Refuses unknown names: a misspelt option would be ignored silently otherwise. */
  only(known) {
    for (const name of Object.keys(this.#options)) {
      if (!known.includes(name))
        throw new InvalidOptionError(
          this.#name(isWord(name) ? name : "?"),
          `one of ${known.join(", ")}`
        );
    }
  }
  has(name) {
    return this.#options[name] !== void 0;
  }
  fail(name, expected) {
    throw new InvalidOptionError(this.#name(name), expected, this.#options[name]);
  }
  duration(name, ...fallback) {
    if (!this.has(name) && fallback.length > 0) return fallback[0];
    return parseDuration(this.#options[name], this.#name(name));
  }
  /** Returns a size in bytes. */
  size(name, fallback) {
    return parseSize(this.has(name) ? this.#options[name] : fallback, this.#name(name));
  }
  number(name, range3, ...fallback) {
    const value = this.has(name) || fallback.length === 0 ? this.#options[name] : fallback[0];
    const { min = -Infinity, max = Infinity, integer: integer2 = false } = range3;
    const isValid = typeof value === "number" && value >= min && value <= max && (!integer2 || Number.isSafeInteger(value));
    if (!isValid)
      this.fail(name, `${integer2 ? "a whole number" : "a number"}${describeRange(range3)}`);
    return value;
  }
  oneOf(name, values, ...fallback) {
    const value = this.has(name) || fallback.length === 0 ? this.#options[name] : fallback[0];
    if (!values.includes(value))
      this.fail(name, `one of ${values.map((v) => JSON.stringify(v)).join(", ")}`);
    return value;
  }
  string(name, ...fallback) {
    const value = this.has(name) || fallback.length === 0 ? this.#options[name] : fallback[0];
    if (typeof value !== "string" || value === "") this.fail(name, "a non-empty string");
    return value;
  }
  function(name, required) {
    if (!this.has(name) && required === void 0) return void 0;
    if (typeof this.#options[name] !== "function") this.fail(name, "a function");
    return this.#options[name];
  }
  /** Returns an object that must have these methods, such as a client, a codec or a bus. */
  shaped(name, methods, expected) {
    const value = this.#options[name];
    const isValid = (typeof value === "object" || typeof value === "function") && value !== null && methods.every((method) => typeof value[method] === "function");
    if (!isValid) this.fail(name, expected);
    return value;
  }
  /** Returns the checks of a nested object of options, which is empty if it is missing. */
  nested(name, known) {
    const value = this.has(name) ? this.#options[name] : {};
    if (typeof value !== "object" || value === null || Array.isArray(value))
      this.fail(name, "an object of options");
    const checks = new _OptionChecks(this.#name(name), value);
    checks.only(known);
    return checks;
  }
  #name(name) {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }
};
function isWord(name) {
  return /^[a-z_$][\w$-]{0,29}$/i.test(name);
}
function describeRange({ min, max }) {
  if (min !== void 0 && max !== void 0) return ` from ${min} to ${max}`;
  if (min !== void 0) return ` of at least ${min}`;
  return max === void 0 ? "" : ` of at most ${max}`;
}

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/backoff/ConstantBackoff.js
init_globals();
var ConstantBackoff = class {
  /**
   * Backoff that returns a constant interval.
   */
  constructor(interval) {
    this.interval = interval;
  }
  /**
   * @inheritdoc
   */
  next() {
    return instance(this.interval);
  }
};
var instance = (interval) => ({
  duration: interval,
  next() {
    return this;
  }
});

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/CircuitBreakerPolicy.js
init_globals();

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/common/abort.js
init_globals();

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/common/Event.js
init_globals();

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/errors/TaskCancelledError.js
init_globals();
var TaskCancelledError = class extends Error {
  /**
   * Error thrown when a task is cancelled.
   */
  constructor(message = "Operation cancelled") {
    super(message);
    this.message = message;
    this.isTaskCancelledError = true;
  }
};

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/common/Event.js
var noopDisposable = { dispose: () => void 0 };
var Event;
(function(Event2) {
  Event2.once = (event, listener) => {
    let syncDispose = false;
    let disposable;
    disposable = event((value) => {
      listener(value);
      if (disposable) {
        disposable.dispose();
      } else {
        syncDispose = true;
      }
    });
    if (syncDispose) {
      disposable.dispose();
      return noopDisposable;
    }
    return disposable;
  };
  Event2.toPromise = (event, signal) => {
    if (!signal) {
      return new Promise((resolve) => Event2.once(event, resolve));
    }
    if (signal.aborted) {
      return Promise.reject(new TaskCancelledError());
    }
    const toDispose = [];
    return new Promise((resolve, reject) => {
      const abortEvt = onAbort(signal);
      toDispose.push(abortEvt);
      toDispose.push(abortEvt.event(() => {
        reject(new TaskCancelledError());
      }));
      toDispose.push(Event2.once(event, (data) => {
        resolve(data);
      }));
    }).finally(() => {
      for (const d3 of toDispose) {
        d3.dispose();
      }
    });
  };
})(Event || (Event = {}));
var onAbort = (signal) => {
  const evt = new OneShotEvent();
  if (signal.aborted) {
    evt.emit();
    return { event: evt.addListener, dispose: () => {
    } };
  }
  const dispose = () => signal.removeEventListener("abort", l);
  const l = () => {
    evt.emit();
    dispose();
  };
  signal.addEventListener("abort", l);
  return { event: evt.addListener, dispose };
};
var EventEmitter = class {
  constructor() {
    this.addListener = (listener) => this.addListenerInner(listener);
  }
  /**
   * Gets the number of event listeners.
   */
  get size() {
    if (!this.listeners) {
      return 0;
    } else if (typeof this.listeners === "function") {
      return 1;
    } else {
      return this.listeners.length;
    }
  }
  /**
   * Emits event data.
   */
  emit(value) {
    if (!this.listeners) {
    } else if (typeof this.listeners === "function") {
      this.listeners(value);
    } else {
      for (const listener of this.listeners) {
        listener(value);
      }
    }
  }
  addListenerInner(listener) {
    if (!this.listeners) {
      this.listeners = listener;
    } else if (typeof this.listeners === "function") {
      this.listeners = [this.listeners, listener];
    } else {
      this.listeners.push(listener);
    }
    return { dispose: () => this.removeListener(listener) };
  }
  removeListener(listener) {
    if (!this.listeners) {
      return;
    }
    if (typeof this.listeners === "function") {
      if (this.listeners === listener) {
        this.listeners = void 0;
      }
      return;
    }
    const index2 = this.listeners.indexOf(listener);
    if (index2 === -1) {
      return;
    }
    if (this.listeners.length === 2) {
      this.listeners = index2 === 0 ? this.listeners[1] : this.listeners[0];
    } else {
      this.listeners = this.listeners.slice(0, index2).concat(this.listeners.slice(index2 + 1));
    }
  }
};
var OneShotEvent = class extends EventEmitter {
  constructor() {
    super(...arguments);
    this.addListener = (listener) => {
      if (this.lastValue) {
        listener(this.lastValue.value);
        return noopDisposable;
      } else {
        return this.addListenerInner(listener);
      }
    };
  }
  /**
   * @inheritdoc
   */
  emit(value) {
    this.lastValue = { value };
    super.emit(value);
    this.listeners = void 0;
  }
};

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/common/abort.js
var neverAbortedSignal = new AbortController().signal;
var cancelledSrc = new AbortController();
cancelledSrc.abort();
var abortedSignal = cancelledSrc.signal;

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/common/Executor.js
init_globals();
var returnOrThrow = (failure) => {
  if ("error" in failure) {
    throw failure.error;
  }
  if ("success" in failure) {
    return failure.success;
  }
  return failure.value;
};
var makeStopwatch = () => {
  if (typeof performance !== "undefined") {
    const start = performance.now();
    return () => performance.now() - start;
  } else {
    const start = process.hrtime.bigint();
    return () => Number(process.hrtime.bigint() - start) / 1e6;
  }
};
var ExecuteWrapper = class _ExecuteWrapper {
  constructor(errorFilter = () => false, resultFilter = () => false) {
    this.errorFilter = errorFilter;
    this.resultFilter = resultFilter;
    this.successEmitter = new EventEmitter();
    this.failureEmitter = new EventEmitter();
    this.onSuccess = this.successEmitter.addListener;
    this.onFailure = this.failureEmitter.addListener;
  }
  clone() {
    return new _ExecuteWrapper(this.errorFilter, this.resultFilter);
  }
  async invoke(fn, ...args) {
    const stopwatch = this.successEmitter.size || this.failureEmitter.size ? makeStopwatch() : null;
    try {
      const value = await fn(...args);
      if (!this.resultFilter(value)) {
        if (stopwatch) {
          this.successEmitter.emit({ duration: stopwatch() });
        }
        return { success: value };
      }
      if (stopwatch) {
        this.failureEmitter.emit({ duration: stopwatch(), handled: true, reason: { value } });
      }
      return { value };
    } catch (rawError) {
      const error = rawError;
      const handled = this.errorFilter(error);
      if (stopwatch) {
        this.failureEmitter.emit({ duration: stopwatch(), handled, reason: { error } });
      }
      if (!handled) {
        throw error;
      }
      return { error };
    }
  }
};

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/errors/BrokenCircuitError.js
init_globals();
var BrokenCircuitError = class extends Error {
  /**
   * Exception thrown from {@link CircuitBreakerPolicy.execute} when the
   * circuit breaker is open.
   */
  constructor(message = "Execution prevented because the circuit breaker is open") {
    super(message);
    this.isBrokenCircuitError = true;
  }
};

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/errors/HydratingCircuitError.js
init_globals();
var HydratingCircuitError = class extends Error {
  /**
   * Exception thrown from {@link CircuitBreakerPolicy.execute} when the
   * circuit breaker is open.
   */
  constructor(message = "Execution prevented because the circuit breaker is open") {
    super(message);
    this.isHydratingCircuitError = true;
  }
};

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/errors/IsolatedCircuitError.js
init_globals();
var IsolatedCircuitError = class extends BrokenCircuitError {
  /**
   * Exception thrown from {@link CircuitBreakerPolicy.execute} when the
   * circuit breaker is open.
   */
  constructor() {
    super(`Execution prevented because the circuit breaker is open`);
    this.isIsolatedCircuitError = true;
  }
};

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/CircuitBreakerPolicy.js
var CircuitState;
(function(CircuitState2) {
  CircuitState2[CircuitState2["Closed"] = 0] = "Closed";
  CircuitState2[CircuitState2["Open"] = 1] = "Open";
  CircuitState2[CircuitState2["HalfOpen"] = 2] = "HalfOpen";
  CircuitState2[CircuitState2["Isolated"] = 3] = "Isolated";
})(CircuitState || (CircuitState = {}));
var CircuitBreakerPolicy = class {
  /**
   * Gets the current circuit breaker state.
   */
  get state() {
    return this.innerState.value;
  }
  /**
   * Gets the last reason the circuit breaker failed.
   */
  get lastFailure() {
    return this.innerLastFailure;
  }
  constructor(options2, executor) {
    this.options = options2;
    this.executor = executor;
    this.breakEmitter = new EventEmitter();
    this.resetEmitter = new EventEmitter();
    this.halfOpenEmitter = new EventEmitter();
    this.stateChangeEmitter = new EventEmitter();
    this.innerState = { value: CircuitState.Closed };
    this.onBreak = this.breakEmitter.addListener;
    this.onReset = this.resetEmitter.addListener;
    this.onHalfOpen = this.halfOpenEmitter.addListener;
    this.onStateChange = this.stateChangeEmitter.addListener;
    this.onSuccess = this.executor.onSuccess;
    this.onFailure = this.executor.onFailure;
    this.halfOpenAfterBackoffFactory = typeof options2.halfOpenAfter === "number" ? new ConstantBackoff(options2.halfOpenAfter) : options2.halfOpenAfter;
    if (options2.initialState) {
      const initialState = options2.initialState;
      this.innerState = initialState.ownState;
      this.options.breaker.state = initialState.breakerState;
      if (this.innerState.value === CircuitState.Open || this.innerState.value === CircuitState.HalfOpen) {
        this.innerLastFailure = { error: new HydratingCircuitError() };
        let backoff = this.halfOpenAfterBackoffFactory.next({
          attempt: 1,
          result: this.innerLastFailure,
          signal: neverAbortedSignal
        });
        for (let i = 2; i <= this.innerState.attemptNo; i++) {
          backoff = backoff.next({
            attempt: i,
            result: this.innerLastFailure,
            signal: neverAbortedSignal
          });
        }
        this.innerState.backoff = backoff;
      }
    }
  }
  /**
   * Manually holds open the circuit breaker.
   * @returns A handle that keeps the breaker open until `.dispose()` is called.
   */
  isolate() {
    if (this.innerState.value !== CircuitState.Isolated) {
      this.innerState = { value: CircuitState.Isolated, counters: 0 };
      this.breakEmitter.emit({ isolated: true });
      this.stateChangeEmitter.emit(CircuitState.Isolated);
    }
    this.innerState.counters++;
    let disposed = false;
    return {
      dispose: () => {
        if (disposed) {
          return;
        }
        disposed = true;
        if (this.innerState.value === CircuitState.Isolated && !--this.innerState.counters) {
          this.innerState = { value: CircuitState.Closed };
          this.resetEmitter.emit();
          this.stateChangeEmitter.emit(CircuitState.Closed);
        }
      }
    };
  }
  /**
   * Executes the given function.
   * @param fn Function to run
   * @throws a {@link BrokenCircuitError} if the circuit is open
   * @throws a {@link IsolatedCircuitError} if the circuit is held
   * open via {@link CircuitBreakerPolicy.isolate}
   * @returns a Promise that resolves or rejects with the function results.
   */
  async execute(fn, signal = neverAbortedSignal) {
    const state = this.innerState;
    switch (state.value) {
      case CircuitState.Closed:
        const result = await this.executor.invoke(fn, { signal });
        if ("success" in result) {
          this.options.breaker.success(state.value);
        } else {
          this.innerLastFailure = result;
          if (this.options.breaker.failure(state.value)) {
            this.open(result, signal);
          }
        }
        return returnOrThrow(result);
      case CircuitState.HalfOpen:
        await state.test.catch(() => void 0);
        if (this.state === CircuitState.Closed && signal.aborted) {
          throw new TaskCancelledError();
        }
        return this.execute(fn);
      case CircuitState.Open:
        if (Date.now() - state.openedAt < state.backoff.duration) {
          throw new BrokenCircuitError();
        }
        const test = this.halfOpen(fn, signal);
        this.innerState = {
          value: CircuitState.HalfOpen,
          test,
          backoff: state.backoff,
          attemptNo: state.attemptNo + 1
        };
        this.stateChangeEmitter.emit(CircuitState.HalfOpen);
        return test;
      case CircuitState.Isolated:
        throw new IsolatedCircuitError();
      default:
        throw new Error(`Unexpected circuit state ${state}`);
    }
  }
  /**
   * Captures circuit breaker state that can later be used to recreate the
   * breaker by passing `state` to the `circuitBreaker` function. This is
   * useful in cases like serverless functions where you may want to keep
   * the breaker state across multiple executions.
   */
  toJSON() {
    const state = this.innerState;
    let ownState;
    if (state.value === CircuitState.HalfOpen) {
      ownState = {
        value: CircuitState.Open,
        openedAt: 0,
        attemptNo: state.attemptNo
      };
    } else if (state.value === CircuitState.Open) {
      ownState = {
        value: CircuitState.Open,
        openedAt: state.openedAt,
        attemptNo: state.attemptNo
      };
    } else {
      ownState = state;
    }
    return { ownState, breakerState: this.options.breaker.state };
  }
  async halfOpen(fn, signal) {
    this.halfOpenEmitter.emit();
    try {
      const result = await this.executor.invoke(fn, { signal });
      if ("success" in result) {
        this.options.breaker.success(CircuitState.HalfOpen);
        this.close();
      } else {
        this.innerLastFailure = result;
        this.options.breaker.failure(CircuitState.HalfOpen);
        this.open(result, signal);
      }
      return returnOrThrow(result);
    } catch (err) {
      this.close();
      throw err;
    }
  }
  open(reason, signal) {
    if (this.state === CircuitState.Isolated || this.state === CircuitState.Open) {
      return;
    }
    const attemptNo = this.innerState.value === CircuitState.HalfOpen ? this.innerState.attemptNo : 1;
    const context = { attempt: attemptNo, result: reason, signal };
    const backoff = this.innerState.value === CircuitState.HalfOpen ? this.innerState.backoff.next(context) : this.halfOpenAfterBackoffFactory.next(context);
    this.innerState = { value: CircuitState.Open, openedAt: Date.now(), backoff, attemptNo };
    this.breakEmitter.emit(reason);
    this.stateChangeEmitter.emit(CircuitState.Open);
  }
  close() {
    if (this.state === CircuitState.HalfOpen) {
      this.innerState = { value: CircuitState.Closed };
      this.resetEmitter.emit();
      this.stateChangeEmitter.emit(CircuitState.Closed);
    }
  }
};

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/NoopPolicy.js
init_globals();
var NoopPolicy = class {
  constructor() {
    this.executor = new ExecuteWrapper();
    this.onSuccess = this.executor.onSuccess;
    this.onFailure = this.executor.onFailure;
  }
  async execute(fn, signal = neverAbortedSignal) {
    return returnOrThrow(await this.executor.invoke(fn, { signal }));
  }
};

// ../../node_modules/.pnpm/cockatiel@3.2.1/node_modules/cockatiel/dist/esm/Policy.js
init_globals();
var typeFilter = (cls, predicate) => predicate ? (v) => v instanceof cls && predicate(v) : (v) => v instanceof cls;
var always = () => true;
var never = () => false;
var Policy = class _Policy {
  /**
   * Factory that builds a base set of filters that can be used in circuit
   * breakers, retries, etc.
   */
  constructor(options2) {
    this.options = options2;
  }
  /**
   * Allows the policy to additionally handles errors of the given type.
   *
   * @param cls Class constructor to check that the error is an instance of.
   * @param predicate If provided, a function to be called with the error
   * which should return "true" if we want to handle this error.
   * @example
   * ```js
   * // retry both network errors and response errors with a 503 status code
   * new Policy()
   *  .orType(NetworkError)
   *  .orType(ResponseError, err => err.statusCode === 503)
   *  .retry()
   *  .attempts(3)
   *  .execute(() => getJsonFrom('https://example.com'));
   * ```
   */
  orType(cls, predicate) {
    const filter = typeFilter(cls, predicate);
    return new _Policy({
      ...this.options,
      errorFilter: (e) => this.options.errorFilter(e) || filter(e)
    });
  }
  /**
   * Allows the policy to additionally handles errors that pass the given
   * predicate function.
   *
   * @param predicate Takes any thrown error, and returns true if it should
   * be retried by this policy.
   * @example
   * ```js
   * // only retry if the error has a "shouldBeRetried" property set
   * new Policy()
   *  .orWhen(err => err.shouldBeRetried === true)
   *  .retry()
   *  .attempts(3)
   *  .execute(() => getJsonFrom('https://example.com'));
   * ```
   */
  orWhen(predicate) {
    return new _Policy({
      ...this.options,
      errorFilter: (e) => this.options.errorFilter(e) || predicate(e)
    });
  }
  /**
   * Adds handling for return values. The predicate will be called with
   * the return value of the executed function,
   *
   * @param predicate Takes the returned value, and returns true if it
   * should be retried by this policy.
   * @example
   * ```js
   * // retry when the response status code is a 5xx
   * new Policy()
   *  .orResultWhen(res => res.statusCode >= 500)
   *  .retry()
   *  .attempts(3)
   *  .execute(() => getJsonFrom('https://example.com'));
   * ```
   */
  orWhenResult(predicate) {
    return new _Policy({
      ...this.options,
      resultFilter: (r) => this.options.resultFilter(r) || predicate(r)
    });
  }
  /**
   * Adds handling for return values. The predicate will be called with
   * the return value of the executed function,
   *
   * @param predicate Takes the returned value, and returns true if it
   * should be retried by this policy.
   * @example
   * ```js
   * // retry when the response status code is a 5xx
   * new Policy()
   *  .orResultType(res => res.statusCode >= 500)
   *  .retry()
   *  .attempts(3)
   *  .execute(() => getJsonFrom('https://example.com'));
   * ```
   */
  orResultType(cls, predicate) {
    const filter = typeFilter(cls, predicate);
    return new _Policy({
      ...this.options,
      resultFilter: (r) => this.options.resultFilter(r) || filter(r)
    });
  }
};
var noop = new NoopPolicy();
var handleAll = new Policy({ errorFilter: always, resultFilter: never });
function circuitBreaker(policy, opts) {
  return new CircuitBreakerPolicy(opts, new ExecuteWrapper(policy.options.errorFilter, policy.options.resultFilter));
}

// ../../packages/core/dist/chunk-QMVQH6FZ.js
var channels = {
  hit: channel("cache:hit"),
  miss: channel("cache:miss"),
  load: channel("cache:load"),
  fill: channel("cache:fill"),
  invalidate: channel("cache:invalidate"),
  lock: channel("cache:lock"),
  ratelimit: channel("cache:ratelimit"),
  flush: channel("cache:flush"),
  error: channel("cache:error")
};
function emit(to, message) {
  if (to.hasSubscribers) to.publish(message());
}
function checkCodec(option, codec) {
  if (!isCodec(codec))
    throw new InvalidOptionError(option, "a codec: { name, encode, decode }", codec);
  codec.prepare?.();
  return codec;
}
function isCodec(codec) {
  if (typeof codec !== "object" || codec === null) return false;
  const { name, encode: encode2, decode: decode2, prepare, seal, open } = codec;
  const isMethod = (method) => method === void 0 || typeof method === "function";
  return typeof name === "string" && typeof encode2 === "function" && typeof decode2 === "function" && [prepare, seal, open].every(isMethod) && !seal === !open;
}
var json = {
  name: "json",
  encode(value, { key }) {
    if (typeof value === "number" && !Number.isFinite(value))
      throw refusal(key, `JSON cannot represent ${value}`);
    const text2 = stringify(value, key);
    if (text2 === void 0)
      throw refusal(
        key,
        value === void 0 ? "it is undefined" : `JSON cannot represent a ${typeof value}`
      );
    return text2;
  },
  decode(payload, { key }) {
    const text2 = payload.toString();
    if (text2.includes("\uFFFD") && !isUtf8(payload))
      throw new CodecError(`The entry "${key}" is not UTF-8 text.`, { key });
    try {
      return JSON.parse(text2);
    } catch {
      throw new CodecError(`The entry "${key}" is not JSON (${payload.length} bytes).`, { key });
    }
  }
};
function stringify(value, key) {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw refusal(
      key,
      "it has a cycle or a BigInt, is nested too deeply, or its toJSON threw",
      errorWithoutMessage(cause)
    );
  }
}
function refusal(key, why, cause) {
  return new CodecError(`Can't write the value of "${key}" as JSON: ${why}.`, { key, cause });
}
var CONTROL = 1;
var VERSION = 1;
var COMPUTE_TIME = 2;
var ABSENT = 4;
var IS_UNDEFINED = 8;
var STAMP = 16;
var VERSION_BY_SCRIPT = 32;
var KNOWN_FLAGS = VERSION | COMPUTE_TIME | ABSENT | IS_UNDEFINED | STAMP | VERSION_BY_SCRIPT;
var MAX_UINT32 = 4294967295;
var EMPTY = Buffer.alloc(0);
function frame(payload, meta) {
  const flags = meta === void 0 ? 0 : flagsOf(meta);
  if (flags === 0 && !isFrame(payload)) return payload;
  const header = fieldsSize(flags) + (meta?.stamp?.length ?? 0);
  if (typeof payload !== "string") {
    const framed2 = Buffer.allocUnsafe(header + payload.length);
    writeHeader(framed2, flags, meta);
    framed2.set(payload, header);
    return framed2;
  }
  const framed = Buffer.allocUnsafe(header + Buffer.byteLength(payload));
  writeHeader(framed, flags, meta);
  framed.write(payload, header);
  return framed;
}
function frameAbsent(presence, meta, proof = EMPTY) {
  return Buffer.concat([headerOf(presence, meta), proof]);
}
function associatedData(presence, meta) {
  return authenticatedPart(headerOf(presence, meta));
}
function isFrame(stored) {
  return (typeof stored === "string" ? stored.charCodeAt(0) : stored[0]) === CONTROL;
}
function unframe(stored) {
  if (!isFrame(stored))
    return {
      payload: stored,
      presence: "present",
      version: void 0,
      computeTime: void 0,
      stamp: void 0,
      associatedData: EMPTY
    };
  const flags = stored[1];
  if (flags === void 0 || (flags & ~KNOWN_FLAGS) !== 0) return void 0;
  const fields = fieldsSize(flags);
  if (stored.length < fields) return void 0;
  const header = flags & STAMP ? fields + stored.readUInt32BE(fields - 4) : fields;
  const absent = (flags & ABSENT) !== 0;
  if (stored.length < header) return void 0;
  if (!absent && (flags & IS_UNDEFINED) !== 0) return void 0;
  const version = flags & VERSION ? stored.readDoubleBE(2) : void 0;
  if (version !== void 0 && !isVersion(version)) return void 0;
  if (version === void 0 && (flags & VERSION_BY_SCRIPT) !== 0) return void 0;
  return {
    payload: stored.subarray(header),
    presence: !absent ? "present" : flags & IS_UNDEFINED ? void 0 : null,
    version,
    computeTime: flags & COMPUTE_TIME ? stored.readUInt32BE(flags & VERSION ? 10 : 2) : void 0,
    stamp: flags & STAMP ? stored.subarray(fields, header) : void 0,
    associatedData: authenticatedPart(stored.subarray(0, header))
  };
}
function headerOf(presence, meta) {
  const flags = (meta === void 0 ? 0 : flagsOf(meta)) | (presence === "present" ? 0 : presence === null ? ABSENT : ABSENT | IS_UNDEFINED);
  const header = Buffer.allocUnsafe(fieldsSize(flags) + (meta?.stamp?.length ?? 0));
  writeHeader(header, flags, meta);
  return header;
}
function authenticatedPart(header) {
  if (header[1] === 0) return EMPTY;
  if ((header[1] & VERSION_BY_SCRIPT) === 0) return header;
  return Buffer.from(header).fill(0, 2, 10);
}
function flagsOf({ version, computeTime, stamp, versionByScript }) {
  if (version !== void 0 && !isVersion(version))
    throw new CodecError(
      `A version must be a safe integer of at least 0, but is ${numberOrType(version)}.`
    );
  if (computeTime !== void 0 && !(computeTime >= 0))
    throw new CodecError(
      `A computeTime must be a number of at least 0, but is ${numberOrType(computeTime)}.`
    );
  return (version === void 0 ? 0 : VERSION) | (computeTime === void 0 ? 0 : COMPUTE_TIME) | (stamp === void 0 ? 0 : STAMP) | (versionByScript ? VERSION_BY_SCRIPT : 0);
}
function numberOrType(value) {
  return typeof value === "number" ? String(value) : typeof value;
}
function isVersion(version) {
  return Number.isSafeInteger(version) && version >= 0;
}
function fieldsSize(flags) {
  return 2 + (flags & VERSION ? 8 : 0) + (flags & COMPUTE_TIME ? 4 : 0) + (flags & STAMP ? 4 : 0);
}
function writeHeader(framed, flags, meta) {
  framed[0] = CONTROL;
  framed[1] = flags;
  let offset = 2;
  if (meta?.version !== void 0) offset = framed.writeDoubleBE(meta.version + 0, offset);
  if (meta?.computeTime !== void 0) {
    const ms = Math.min(Math.round(meta.computeTime), MAX_UINT32);
    offset = framed.writeUInt32BE(ms, offset);
  }
  if (meta?.stamp !== void 0) {
    offset = framed.writeUInt32BE(meta.stamp.length, offset);
    framed.set(meta.stamp, offset);
  }
}
function checkSchema(option, schema) {
  if (!isSchema(schema))
    throw new InvalidOptionError(option, "a Standard Schema (zod, valibot, arktype, \u2026)", schema);
  return schema;
}
function applySchema(schema, value) {
  try {
    const result = schema["~standard"].validate(value);
    return "then" in result ? Promise.resolve(result).then(toChecked).catch(schemaThrew) : toChecked(result);
  } catch (cause) {
    return schemaThrew(cause);
  }
}
function isSchema(schema) {
  if (typeof schema !== "object" && typeof schema !== "function" || schema === null) return false;
  const standard = schema["~standard"];
  return typeof standard === "object" && standard !== null && standard.version === 1 && typeof standard.validate === "function";
}
function toChecked(result) {
  return result.issues === void 0 ? { value: result.value } : { error: new Error(`It does not match its schema: ${pathsOf(result.issues)}.`) };
}
function schemaThrew(cause) {
  return { error: new Error("Its schema threw.", { cause: errorWithoutMessage(cause) }) };
}
function pathsOf(issues) {
  const paths = issues.slice(0, 3).map(
    ({ path = [] }) => path.map((step) => String(typeof step === "object" ? step.key : step)).join(".") || "the value itself"
  );
  return issues.length > 3 ? `${paths.join(", ")} and ${issues.length - 3} more` : paths.join(", ");
}
var BRAND2 = /* @__PURE__ */ Symbol.for("@cache/core/undecodable");
var Undecodable = class {
  constructor(reason, error) {
    this.reason = reason;
    this.error = error;
  }
  reason;
  error;
  /** Makes `instanceof` work for instances of another copy of this package. */
  static [Symbol.hasInstance](value) {
    return typeof value === "object" && value !== null && BRAND2 in value;
  }
  static {
    Object.defineProperty(this.prototype, BRAND2, { value: true });
  }
};
var DEFAULT_MAX_VALUE_BYTES = 8 * 1024 * 1024;
function createFormat(options2 = {}) {
  const check = checkOptions("createFormat", options2, ["codec", "schema", "maxValueBytes"]);
  const codec = checkCodec("codec", options2.codec === void 0 ? json : options2.codec);
  const schema = options2.schema === void 0 ? void 0 : checkSchema("schema", options2.schema);
  return new EntryFormat(codec, schema, check.size("maxValueBytes", DEFAULT_MAX_VALUE_BYTES));
}
var EntryFormat = class {
  #codec;
  #schema;
  maxValueBytes;
  constructor(codec, schema, maxValueBytes) {
    this.#codec = codec;
    this.#schema = schema;
    this.maxValueBytes = maxValueBytes;
  }
  encode(key, value, meta) {
    try {
      const metaToStore = this.#metaToStore(meta);
      const stored = this.#hasPayload(value) ? frame(this.#encodePayload(key, value, metaToStore), metaToStore) : frameAbsent(value, metaToStore, this.#proof(key, value, metaToStore));
      this.#checkSize(key, stored);
      return stored;
    } catch (cause) {
      if (cause instanceof CodecError && cause.key !== void 0) throw cause;
      const detail = cause instanceof CodecError ? `: ${cause.message}` : ` with the codec "${this.#codec.name}".`;
      throw new CodecError(`Can't encode the value of "${key}"${detail}`, {
        key,
        cause: safeCause(cause)
      });
    }
  }
  decode(key, stored) {
    if (stored.length > this.maxValueBytes)
      return undecodable(
        "size",
        key,
        `has ${stored.length} bytes, more than maxValueBytes (${this.maxValueBytes})`
      );
    if (!isFrame(stored)) return this.#decodeValue(key, stored, void 0);
    const framed = unframe(stored);
    if (framed === void 0)
      return undecodable(
        "frame",
        key,
        "has a frame that is truncated, or was written by a newer version"
      );
    if (framed.presence === "present") return this.#decodeValue(key, framed.payload, framed);
    return this.#decodeAbsent(key, framed);
  }
  /** Only codecs that authenticate need the flag `versionByScript` in the frame. */
  #metaToStore(meta) {
    return meta?.versionByScript && !this.#codec.seal ? { ...meta, versionByScript: void 0 } : meta;
  }
  #context(key, authenticated) {
    return { key, maxValueBytes: this.maxValueBytes, associatedData: authenticated };
  }
  /** Returns the proof of an authenticating codec that there is no value. */
  #proof(key, presence, meta) {
    return this.#codec.seal?.(EMPTY2, this.#context(key, associatedData(presence, meta)));
  }
  #decodeAbsent(key, framed) {
    try {
      const remaining = this.#codec.open ? this.#codec.open(framed.payload, this.#context(key, framed.associatedData)) : framed.payload;
      if (remaining.length === 0) return decoded(framed.presence, framed);
    } catch (cause) {
      return undecodable(
        "codec",
        key,
        `stores the absence of a value, which the codec "${this.#codec.name}" can't verify`,
        cause
      );
    }
    return undecodable("frame", key, "stores the absence of a value, but has a payload");
  }
  #hasPayload(value) {
    return value !== null && value !== void 0 || value === null && this.#schema === void 0 && this.#codec === json;
  }
  #encodePayload(key, value, meta) {
    const payload = this.#codec.encode(
      value,
      this.#context(key, this.#codec.seal && associatedData("present", meta))
    );
    if (typeof payload === "string" || Buffer.isBuffer(payload)) return payload;
    throw new CodecError(
      `Its codec "${this.#codec.name}" must return a string or a Buffer synchronously.`
    );
  }
  #checkSize(key, stored) {
    const max = this.maxValueBytes;
    if (typeof stored === "string" && stored.length * 3 <= max) return;
    const bytes2 = Buffer.byteLength(stored);
    if (bytes2 > max)
      throw new CodecError(
        `The value of "${key}" has ${bytes2} bytes, more than maxValueBytes (${max}).`,
        { key, code: "VALUE_TOO_LARGE" }
      );
  }
  #decodeValue(key, payload, meta) {
    let value;
    try {
      value = this.#codec.decode(payload, this.#context(key, meta?.associatedData));
    } catch (cause) {
      return undecodable(
        "codec",
        key,
        `can't be decoded by the codec "${this.#codec.name}"`,
        safeCause(cause)
      );
    }
    if (this.#schema === void 0) return decoded(value, meta);
    const checked = applySchema(this.#schema, value);
    return checked instanceof Promise ? checked.then((result) => afterSchema(key, result, meta)) : afterSchema(key, checked, meta);
  }
};
var EMPTY2 = Buffer.alloc(0);
function afterSchema(key, checked, meta) {
  return checked.error === void 0 ? decoded(checked.value, meta) : undecodable("schema", key, "does not fit its schema", checked.error);
}
function decoded(value, meta) {
  return {
    value,
    absent: value === null || value === void 0,
    version: meta?.version,
    computeTime: meta?.computeTime,
    stamp: meta?.stamp
  };
}
function safeCause(cause) {
  return cause instanceof CacheError ? cause : errorWithoutMessage(cause);
}
function undecodable(reason, key, problem, cause) {
  return new Undecodable(reason, new CodecError(`The entry "${key}" ${problem}.`, { key, cause }));
}
var Slices = class {
  #startedAt = performance.now();
  /** Whether the event loop has waited long enough for this slice. */
  get over() {
    return performance.now() - this.#startedAt >= SLICE_LENGTH;
  }
  /** Begins the next slice after one turn of the event loop. */
  async next() {
    await setImmediate3();
    this.#startedAt = performance.now();
  }
};
var SLICE_LENGTH = 10;
var foreign_values_default = "-- Deletes and reports values of another type than the keys of a script must have. This file is put\n-- before every script that declares `types`. Only this package writes these keys, so a value of\n-- another type belongs to nobody. It is deleted, and reported with the replies.\n-- needs the function typesOf, which script.ts generates from `types`\n\n-- Parses a number in the form that our scripts write: whole, at least 0, and exact as a double.\n-- Returns nil for any other text.\nlocal function wholeNumber(text)\n  local number = text and #text < 17 and text:match('^%d+$') and tonumber(text)\n  return number and number <= 9007199254740991 and number or nil\nend\n\n-- The deleted keys and their descriptions, alternating.\nlocal foreign = {}\n\nlocal function reportForeignValue(key, description)\n  foreign[#foreign + 1] = key\n  foreign[#foreign + 1] = description\nend\n\n-- Deletes the keys whose values have another type than expected. Returns whether it deleted any.\nlocal function drop_foreign_values(keys, args)\n  local types = typesOf(keys, args)\n  local deleted = false\n  for i, expected in ipairs(types) do\n    local actual = keys[i] and expected ~= 'any' and redis.pcall('TYPE', keys[i]).ok\n    if actual and actual ~= 'none' and actual ~= expected then\n      redis.call('DEL', keys[i])\n      reportForeignValue(keys[i], actual)\n      deleted = true\n    end\n  end\n  return deleted\nend\n";
function defineScript({
  name,
  lua,
  functions = "",
  after: after2 = "",
  types = [],
  typesFirst = false,
  binary = false,
  readOnly = false,
  parse
}) {
  if (typeof lua !== "string" || !/\breturn\b/.test(lua))
    throw new InvalidOptionError("lua", "the body of a Lua function with a return", lua);
  if (typeof parse !== "function")
    throw new InvalidOptionError("parse", "a function from a reply to a result", parse);
  const source = loopOverCalls({
    functions: typeof types !== "string" && types.length === 0 ? functions : `${foreignValueCheck(types)}
${functions}`,
    body: lua,
    after: after2,
    dropsForeignValues: types.length > 0,
    typesFirst
  });
  if (sources.size < MAX_SOURCES) sources.add(source);
  return {
    name,
    source,
    sha: createHash("sha1").update(source).digest("hex"),
    binary,
    readOnly,
    parse
  };
}
var sources = /* @__PURE__ */ new Set();
var MAX_SOURCES = 1e3;
function loopOverCalls({
  functions,
  body,
  after: after2,
  dropsForeignValues,
  typesFirst
}) {
  return `${functions}
local function call(KEYS, ARGV)
${body}
end
local replies, failures, redirectError = {}, {}, nil
local function attempt(keys, args)
  local succeeded, reply = pcall(call, keys, args)
  local failed = not succeeded and tostring(reply)
  if type(reply) == 'table' and reply.err then failed = reply.err end
  return reply, failed
end
local function run(i, keys, args)
  ${typesFirst ? "drop_foreign_values(keys, args)" : ""}
  local reply, failed = attempt(keys, args)
${dropsForeignValues ? RETRY_WITHOUT_FOREIGN_VALUES : ""}  if failed then
    for _, code in ipairs({'READONLY ', 'MASTERDOWN ', 'CLUSTERDOWN '}) do
      local start = failed:find(code, 1, true)
      if start then redirectError = failed:sub(start) end
    end
    failures[#failures + 1] = i
    failures[#failures + 1] = failed
    reply = false
  end
  if reply == nil then reply = false end
  replies[i + 1] = reply
end
local calls = tonumber(table.remove(ARGV))
if calls == 1 then
  run(0, KEYS, ARGV)
else
  local kinds, shared, own, position = table.remove(ARGV), {}, {}, 0
  for j = 1, #kinds do
    if kinds:byte(j) == 61 then
      position = position + 1
      shared[j] = ARGV[position]
    else
      shared[j] = ''
      own[#own + 1] = j
    end
  end
  local keysPerCall, unpacked = #KEYS / calls, math.min(#shared, 100)
  for i = 0, calls - 1 do
    local keys, args = {}, {unpack(shared, 1, unpacked)}
    for j = 1, keysPerCall do keys[j] = KEYS[i * keysPerCall + j] end
    for j = 101, #shared do args[j] = shared[j] end
    for j = 1, #own do args[own[j]] = ARGV[position + j] end
    position = position + #own
    run(i, keys, args)
  end
end
if redirectError then return redis.error_reply(redirectError) end
${after2}
replies[calls + 1] = failures
${dropsForeignValues ? "replies[calls + 2] = foreign\n" : ""}return replies`;
}
var RETRY_WITHOUT_FOREIGN_VALUES = `
  local wrongType = failed and failed:find('WRONGTYPE', 1, true)
  if wrongType and drop_foreign_values(keys, args) then
    reply, failed = attempt(keys, args)
  end
`;
function foreignValueCheck(types) {
  const body = typeof types === "string" ? types : `return {${types.map((type) => `'${type}'`).join(", ")}}`;
  return `local function typesOf(KEYS, ARGV) ${body} end
${foreign_values_default}`;
}
function createDeferred() {
  let resolve;
  let reject;
  const promise = new Promise((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
var MAX_KEYS_PER_COMMAND = 256;
var MAX_CALLS_PER_COMMAND = 50;
function chunks(items, maxLength) {
  if (items.length <= maxLength) return [items];
  const parts = [];
  for (let i = 0; i < items.length; i += maxLength) parts.push(items.slice(i, i + maxLength));
  return parts;
}
function limitTo(most, { most: mostWaiting = Infinity, within: within2 = Infinity } = {}) {
  let waiting = [];
  let next2 = 0;
  let running = 0;
  const startNext = () => {
    waiting[next2++]?.();
    if (next2 < waiting.length && next2 < 1e3) return;
    waiting = waiting.slice(next2);
    next2 = 0;
  };
  return async (job) => {
    const requestedAt = performance.now();
    if (running >= most) {
      if (waiting.length - next2 >= mostWaiting)
        throw overloaded(`${waiting.length - next2} other jobs are already waiting`);
      await new Promise((resolve) => waiting.push(resolve));
    }
    running++;
    try {
      if (performance.now() - requestedAt > within2)
        throw overloaded(`it has waited for more than ${within2} ms`);
      return await job();
    } finally {
      running--;
      startNext();
    }
  };
}
async function mapAtOnce(items, most, step) {
  if (items.length <= most) return Promise.all(items.map((item) => step(item)));
  const results = [];
  const slices = new Slices();
  for (const part of chunks(items, most)) {
    if (slices.over) await slices.next();
    results.push(...await Promise.all(part.map((item) => step(item))));
  }
  return results;
}
function overloaded(reason) {
  return new CacheError(`Nothing was done: ${reason}. Try again later, or allow more at once.`, {
    code: "OVERLOADED"
  });
}
function createGuardedSend(driver2, { failures, silence, cooldown }) {
  const breakers = /* @__PURE__ */ new Map();
  const nodeOf = ({ keys }) => keys.length > 0 && driver2.nodeOf?.(keys[0]) || "";
  const isSilent = (node) => driver2.silentFor === void 0 || driver2.silentFor(node) >= silence;
  const sendUnguarded = async (commands, timeout, settle) => {
    const nodes = driver2.nodeOf && commands.map(nodeOf);
    const replies = await driver2.send(commands, { timeout, settle });
    if (replies.some(isLost)) {
      for (const [node, indexes] of indexesByNode(commands, (_, index2) => nodes?.[index2] ?? "")) {
        const error = outageError(indexes.map((index2) => replies[index2]));
        if (!error) continue;
        if (!breakers.has(node))
          breakers.set(
            node,
            new NodeBreaker(new SilenceBreaker(failures, () => isSilent(node)), cooldown)
          );
        await breakers.get(node).failed(error);
      }
    }
    return replies;
  };
  return async (commands, timeout, settle) => {
    if (breakers.size === 0) return sendUnguarded(commands, timeout, settle);
    const replies = new Array(commands.length);
    const sendPart = async (breaker, node, indexes) => {
      const part = indexes.map((index2) => commands[index2]);
      const settlePart = (i, reply) => settle(indexes[i], reply);
      const partReplies = breaker ? await breaker.send(part, () => driver2.send(part, { timeout, settle: settlePart })) : await sendUnguarded(part, timeout, settlePart);
      for (const [i, index2] of indexes.entries()) {
        replies[index2] = partReplies[i];
        if (breaker) settle(index2, partReplies[i]);
      }
      if (breaker?.closed && breakers.get(node) === breaker) breakers.delete(node);
    };
    for (const [node, { idle }] of breakers) if (idle > MAX_IDLE) breakers.delete(node);
    const unguarded = [];
    const parts = [];
    for (const [node, indexes] of indexesByNode(commands, nodeOf)) {
      const breaker = breakers.get(node);
      if (breaker) parts.push(sendPart(breaker, node, indexes));
      else unguarded.push(...indexes);
    }
    if (unguarded.length > 0) {
      unguarded.sort((a, b) => a - b);
      parts.push(sendPart(void 0, "", unguarded));
    }
    await Promise.all(parts);
    return replies;
  };
}
var SilenceBreaker = class {
  state = 0;
  #failures;
  #isSilent;
  constructor(failures, isSilent) {
    this.#failures = failures;
    this.#isSilent = isSilent;
  }
  success() {
    this.state = 0;
  }
  failure() {
    this.state++;
    return this.state >= this.#failures && this.#isSilent();
  }
};
var NodeBreaker = class {
  #breaker;
  #answered = false;
  #usedAt = performance.now();
  constructor(breaker, cooldown) {
    this.#breaker = circuitBreaker(handleAll, { halfOpenAfter: cooldown, breaker });
  }
  /** Whether the node answers again. */
  get closed() {
    return this.#answered && this.#breaker.state === CircuitState.Closed;
  }
  /** Milliseconds since the last command for the node. */
  get idle() {
    return performance.now() - this.#usedAt;
  }
  async failed(error) {
    await this.#breaker.execute(() => Promise.reject(error)).catch(() => void 0);
  }
  async send(commands, send) {
    this.#usedAt = performance.now();
    if (this.#breaker.state === CircuitState.HalfOpen) return circuitOpenErrors(commands);
    let replies;
    try {
      await this.#breaker.execute(async () => {
        replies = await send();
        const error = outageError(replies);
        this.#answered = error === void 0;
        if (error) throw error;
      });
    } catch (error) {
      if (error instanceof BrokenCircuitError) return circuitOpenErrors(commands);
    }
    return replies;
  }
};
function indexesByNode(commands, nodeOf) {
  const byNode = /* @__PURE__ */ new Map();
  for (const [index2, command] of commands.entries()) {
    const node = nodeOf(command, index2);
    const indexes = byNode.get(node);
    if (indexes) indexes.push(index2);
    else byNode.set(node, [index2]);
  }
  return byNode;
}
function outageError(replies) {
  return replies.length > 0 && replies.every(isLost) ? replies[0] : void 0;
}
function isLost(reply) {
  return reply instanceof ConnectionError && reply.code !== "CLOSED" || reply instanceof CommandTimeoutError;
}
function circuitOpenErrors(commands) {
  const error = new ConnectionError(
    "Redis did not answer the last commands. No command is sent until Redis answers a probe. Check that the server is up and reachable.",
    { code: "CIRCUIT_OPEN" }
  );
  emit(channels.error, () => ({ operation: "send", error }));
  return commands.map(() => error);
}
var MAX_IDLE = 6e4;
var PendingReleases = class {
  #pending = /* @__PURE__ */ new Map();
  #bytes = 0;
  #closing = new AbortController();
  #retrying;
  /** The number of releases that have not been acknowledged yet. */
  get size() {
    return this.#pending.size;
  }
  add(release) {
    if (this.#closing.signal.aborted) return;
    this.#bytes += bytesOf(release);
    this.#pending.set(release, { until: performance.now() + release.ttl });
    while (this.#pending.size > MAX_PENDING || this.#bytes > MAX_BYTES && this.#pending.size > 1)
      this.#drop(this.#pending.keys().next().value);
    this.#retrying ??= this.#run();
  }
  /** Stops retrying. Resolves once the attempts that are under way have settled. */
  async close() {
    this.#closing.abort();
    await this.#retrying;
    this.#pending.clear();
    this.#bytes = 0;
  }
  async #run() {
    const { signal } = this.#closing;
    let pause = MIN_PAUSE;
    while (this.#pending.size > 0 && !signal.aborted) {
      const failed = await this.#tryOldest();
      if (!failed) pause = MIN_PAUSE;
      else {
        await setTimeout2(pause, void 0, { signal, ref: false }).catch(() => void 0);
        pause = Math.min(2 * pause, MAX_PAUSE);
      }
    }
    this.#retrying = void 0;
  }
  /**
   * Tries the oldest releases, and moves those that failed behind the others. Returns whether any
   * failed.
   */
  async #tryOldest() {
    const now = performance.now();
    const batch = [];
    for (const [release, expiry] of this.#pending) {
      if (expiry.until <= now) this.#forget(release);
      else batch.push([release, expiry]);
      if (batch.length === MAX_AT_ONCE) break;
    }
    const results = await Promise.allSettled(batch.map(async ([release]) => release.release()));
    for (const [i, [release, expiry]] of batch.entries()) {
      if (!this.#pending.has(release)) continue;
      this.#pending.delete(release);
      if (results[i].status === "rejected") this.#pending.set(release, expiry);
      else this.#bytes -= bytesOf(release);
    }
    return results.some(({ status }) => status === "rejected");
  }
  #forget(release) {
    if (this.#pending.delete(release)) this.#bytes -= bytesOf(release);
  }
  #drop(release) {
    this.#forget(release);
    const error = new CacheError(
      `Too many releases are waiting for Redis. ${release.key} stays taken until its ttl ends.`,
      { code: "RELEASE_DROPPED", key: release.key }
    );
    emit(channels.error, () => ({ operation: "release", key: release.key, error }));
  }
};
function bytesOf({ key, bytes: bytes2 = key.length }) {
  return bytes2;
}
var MAX_PENDING = 1e4;
var MAX_BYTES = 32 * 1024 * 1024;
var MAX_AT_ONCE = 100;
var MIN_PAUSE = 50;
var MAX_PAUSE = 1e3;
function checkResilience(options2) {
  const resilience = options2.nested("resilience", [
    "readTimeout",
    "writeTimeout",
    "maxInFlight",
    "breaker"
  ]);
  const writeTimeout = resilience.duration("writeTimeout", 1e3);
  return {
    readTimeout: resilience.duration("readTimeout", 250),
    writeTimeout,
    maxInFlight: resilience.number("maxInFlight", { min: 1, integer: true }, 1e4),
    ...checkBreaker(resilience, writeTimeout)
  };
}
function checkBreaker(options2, silence = 1e3) {
  const breaker = options2.nested("breaker", ["failures", "cooldown"]);
  return {
    failures: breaker.number("failures", { min: 1, integer: true }, 5),
    silence,
    cooldown: breaker.duration("cooldown", 1e3)
  };
}
async function* scanNodes(driver2, match2, options2 = {}, leftOut = () => false) {
  const check = checkOptions("scan", options2, ["count", "type", "signal"]);
  const count2 = check.number("count", { min: 1, integer: true }, 1e3);
  const typeArgs = check.has("type") ? ["TYPE", check.oneOf("type", TYPES)] : [];
  const signal = check.has("signal") ? check.shaped("signal", ["throwIfAborted"], "an AbortSignal") : void 0;
  const seen = /* @__PURE__ */ new Set();
  for (const node of await driver2.nodes()) {
    let cursor = "0";
    do {
      signal?.throwIfAborted();
      const [reply] = await node.send([
        { args: ["SCAN", cursor, "MATCH", match2, "COUNT", String(count2), ...typeArgs], keys: [] }
      ]);
      const [next2, keys] = replyOf(reply);
      cursor = next2;
      const newKeys = keys.filter((key) => !seen.has(key) && !leftOut(key));
      for (const key of newKeys) seen.add(key);
      if (newKeys.length > 0) yield newKeys;
    } while (cursor !== "0");
  }
}
var TYPES = ["string", "list", "set", "zset", "hash", "stream"];
var escapedKey = createKeys();
function patternIn(namespace, pattern) {
  return escapeGlob(namespace === "" ? "" : `${namespace}:`) + globOf(pattern);
}
function globOf(pattern) {
  if (typeof pattern?.glob !== "string")
    throw new InvalidOptionError("pattern", "made with the tag glob: glob`user:${id}:*`", pattern);
  return pattern.glob;
}
function escapeGlob(text2) {
  return text2.replace(/[\\*?[\]^]/g, "\\$&");
}
function replyOf(reply) {
  if (reply instanceof CacheError) throw reply;
  return reply;
}
function checkClient(check) {
  return check.shaped(
    "client",
    ["key", "send", "run", "scan"],
    "a client made by createCacheClient(\u2026)"
  );
}
var loadPolicyOptions = [
  "ttl",
  "jitter",
  "codec",
  "schema",
  "maxValueBytes",
  "negativeTtl",
  "errorTtl",
  "retryOn",
  "staleWhileRevalidate",
  "staleIfError",
  "earlyRefresh",
  "stampede",
  "waitFor",
  "leaseTtl",
  "loadTimeout",
  "waitUntil",
  "version"
];
var LoadPolicy = class {
  format;
  inOutage;
  errorTtl;
  retryOn;
  stampede;
  waitFor;
  leaseTtl;
  soft;
  hard;
  /**
   * An entry with at most this many ms left to live is stale. 0 if no entry is ever stale, because
   * Redis deletes it when it expires.
   */
  staleBelow;
  /** Whether reads need to know the remaining life of an entry. */
  needsLife;
  waitUntil;
  #staleIfError;
  #ttl;
  #negativeTtl;
  #jitter;
  #early;
  #version;
  constructor(check, options2, inOutage = "load") {
    this.inOutage = inOutage;
    const timeouts = check.nested("loadTimeout", ["soft", "hard"]);
    this.#ttl = typeof options2.ttl === "function" ? options2.ttl : check.duration("ttl");
    this.#jitter = check.number("jitter", { min: 0, max: 1 }, 0);
    this.#negativeTtl = check.duration("negativeTtl", void 0);
    this.#version = check.function("version");
    this.#early = earlyRefresh(check, options2.earlyRefresh);
    this.errorTtl = check.duration("errorTtl", void 0);
    this.retryOn = check.function("retryOn") ?? (() => false);
    this.stampede = check.oneOf("stampede", ["lease", "process", "off"], "lease");
    this.waitUntil = check.function("waitUntil");
    this.waitFor = check.duration("waitFor", 2e3);
    this.soft = timeouts.duration("soft", void 0);
    this.hard = timeouts.duration("hard", void 0);
    if (this.soft !== void 0 && this.hard !== void 0 && this.soft > this.hard)
      timeouts.fail("soft", 'no longer than "loadTimeout.hard"');
    this.leaseTtl = check.duration("leaseTtl", Math.max(1e4, (this.hard ?? 0) + 1e3));
    this.#staleIfError = check.duration("staleIfError", 0);
    this.staleBelow = check.duration("staleWhileRevalidate", 0) + this.#staleIfError;
    this.needsLife = this.staleBelow > 0 || this.#early !== void 0;
    const { codec, schema, maxValueBytes } = options2;
    this.format = createFormat({ codec, schema, maxValueBytes });
  }
  /**
   * Classifies an entry. `'early'`: it is fresh, but should be reloaded in the background.
   * `'stale'`: it is served while it is reloaded. `'fallback'`: it is served only if the loader
   * throws.
   */
  freshness({
    life = Infinity,
    computeTime,
    value,
    absent
  }) {
    if (life <= this.staleBelow) return life > this.#staleIfError ? "stale" : "fallback";
    if (!this.#early || computeTime === void 0) return "fresh";
    return this.#isEarly(life - this.staleBelow, computeTime, this.#freshFor(value, absent)) ? "early" : "fresh";
  }
  #isEarly(freshLeft, computeTime, freshFor) {
    const { beta, share } = this.#early;
    const gap = -Math.log(1 - Math.random()) * computeTime * beta;
    return freshFor !== void 0 && freshLeft <= Math.min(gap, share * freshFor);
  }
  #freshFor(value, absent) {
    if (absent) return this.#negativeTtl;
    return typeof this.#ttl === "function" ? parseDuration(this.#ttl(value), "ttl") : this.#ttl;
  }
  /** Returns how to store a value, or `undefined` if it must not be stored. */
  storing(value, { ttl, computeTime }) {
    const absent = value === null || value === void 0;
    const freshFor = ttl ?? this.#freshFor(value, absent);
    if (freshFor === void 0) return void 0;
    const meta = {
      ...this.#version && !absent && { version: this.#version(value) },
      ...this.#early && computeTime !== void 0 && { computeTime: Math.ceil(computeTime) }
    };
    return { ttl: jittered(freshFor, this.#jitter) + this.staleBelow, meta };
  }
};
function earlyRefresh(check, option) {
  if (option === void 0 || option === false) return void 0;
  if (option === true) return { beta: 1, share: 0.2 };
  const nested = check.nested("earlyRefresh", ["beta", "share"]);
  return {
    beta: nested.number("beta", { min: 0 }, 1),
    share: nested.number("share", { min: 0, max: 1 }, 0.2)
  };
}
var listenersOf = /* @__PURE__ */ new WeakMap();
function onAbort2(signal, listener) {
  if (signal.aborted) {
    listener(signal.reason);
    return () => void 0;
  }
  const shared = listenersOf.get(signal) ?? listenTo(signal);
  const ownListener = (reason) => listener(reason);
  shared.listeners.add(ownListener);
  return () => {
    if (shared.listeners.delete(ownListener) && shared.listeners.size === 0) shared.stop();
  };
}
function listenTo(signal) {
  const listeners = /* @__PURE__ */ new Set();
  const abort = () => {
    listenersOf.delete(signal);
    for (const listener of listeners) listener(signal.reason);
  };
  const shared = {
    listeners,
    stop: () => {
      if (listenersOf.get(signal) === shared) listenersOf.delete(signal);
      signal.removeEventListener("abort", abort);
    }
  };
  listenersOf.set(signal, shared);
  signal.addEventListener("abort", abort, { once: true });
  return shared;
}
var LazySignal = class {
  #controller;
  #listeners;
  #aborted = false;
  #reason;
  get aborted() {
    return this.#aborted;
  }
  get reason() {
    return this.#reason;
  }
  get signal() {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }
  /** Calls `listener` once when it aborts, or immediately if it has already aborted. */
  onAbort(listener) {
    if (this.#aborted) listener(this.#reason);
    else (this.#listeners ??= []).push(listener);
  }
  abort(reason) {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    for (const listener of this.#listeners ?? []) listener(reason);
    this.#listeners = void 0;
  }
};
var LoadTimeoutError = class extends CacheError {
  static kind = "LoadTimeoutError";
  constructor(key, hard) {
    const advice = "Stop the loader when its signal aborts, or allow more time.";
    super(
      `The loader of ${key} did not return within ${hard} ms ("loadTimeout.hard"). Nothing was cached. ${advice}`,
      { code: "LOAD_TIMEOUT", key }
    );
  }
};
async function callLoader({
  key,
  load: load2,
  stale,
  abandoned,
  hard
}) {
  if (abandoned.aborted) throw abandoned.reason;
  const started = performance.now();
  const context = new LoaderContext(stale);
  const timer = hard === void 0 ? void 0 : setTimeout(() => context.aborted.abort(new LoadTimeoutError(key, hard)), hard);
  abandoned.onAbort((reason) => context.aborted.abort(reason));
  try {
    const value = await new Promise((resolve, reject) => {
      context.aborted.onAbort(reject);
      Promise.resolve(load2(context)).then(resolve, reject);
    });
    return {
      value,
      ms: performance.now() - started,
      ttl: context.chosenTtl,
      skipped: context.skipped
    };
  } finally {
    clearTimeout(timer);
  }
}
var LoaderContext = class {
  aborted = new LazySignal();
  stale;
  chosenTtl;
  skipped = false;
  constructor(stale) {
    this.stale = stale;
  }
  get signal() {
    return this.aborted.signal;
  }
  // These are properties, so that a loader can destructure its context.
  ttl = (duration) => {
    this.chosenTtl = parseDuration(duration, "ttl");
  };
  skip = () => {
    this.skipped = true;
  };
  notModified = () => {
    if (this.stale === void 0) {
      const advice = "Call it only if context.stale is not undefined.";
      throw new CacheError(
        `notModified() was called, but there is no stale value to return. ${advice}`,
        { code: "USAGE" }
      );
    }
    return this.stale;
  };
};
function valuesInOrder(values, ids) {
  if (values instanceof Map) {
    ignoreRejections(values.values());
    return ids.map((id) => values.get(id));
  }
  if (Array.isArray(values) && values.length === ids.length)
    return values;
  if (Array.isArray(values)) ignoreRejections(values);
  const returned = Array.isArray(values) ? `an array of ${values.length}` : typeof values;
  const advice = "Return an array in the order of the ids (undefined where there is none), or a Map from id to value.";
  throw new CacheError(
    `The loader was asked for ${ids.length} ids and answered with ${returned}. ${advice}`,
    { code: "LOADER" }
  );
}
function ignoreRejections(values) {
  for (const value of values) if (value instanceof Promise) value.catch(() => void 0);
}
function keyById({ namespace }, prefix, partsOf) {
  const makeKey = createKeys(namespace, prefix);
  return (id) => {
    const parts = partsOf ? partsOf(id) : id;
    return Array.isArray(parts) ? makeKey(...parts) : makeKey(parts);
  };
}
function readsById(path, keyOf, accessOf) {
  return {
    // Not async, so that a hit costs no additional promise.
    one(id, load2, call2) {
      let key;
      let access;
      try {
        key = keyOf(id);
        access = accessOf?.(id);
      } catch (error) {
        return Promise.reject(error);
      }
      return path.get(key, load2, call2?.signal, access, call2?.outage);
    },
    async many(requestedIds, load2, call2) {
      const slices = new Slices();
      const ids = [...requestedIds];
      const keys = [];
      const accesses = accessOf && /* @__PURE__ */ new Map();
      for (const id of ids) {
        if (slices.over) await slices.next();
        const key = keyOf(id);
        keys.push(key);
        accesses?.set(key, accessOf(id));
      }
      return path.getMany(
        keys,
        async (missingKeys, context) => {
          const idByKey = new Map(keys.map((key, i) => [key, ids[i]]));
          const missingIds = missingKeys.map((key) => idByKey.get(key));
          return valuesInOrder(await load2(missingIds, context), missingIds);
        },
        call2?.signal,
        accesses && ((key) => accesses.get(key)),
        call2?.outage
      );
    }
  };
}
async function openWrite({ entries }, { keys, intentTtl, begin }) {
  const token = createToken();
  await (begin ? begin(token) : entries.beginWrite(keys, token, intentTtl)).catch(
    (cause) => {
      throw new CacheUnavailableError(keys, cause);
    }
  );
  const limited2 = limitTo(entries.atOnce);
  const end = async () => void await Promise.all(keys.map((key) => limited2(() => entries.commitWrite(key, token))));
  return {
    token,
    end,
    abort: () => end().catch(
      (error) => emit(channels.error, () => ({ operation: "abort write", key: keys[0], error }))
    )
  };
}
async function writeSource(client2, write2) {
  const { keys, intentTtl, change, commit } = write2;
  const open = await openWrite(client2, write2);
  const result = await (async () => change())().catch(async (error) => {
    await open.abort();
    throw error;
  });
  await (commit ? commit(open.token, result) : open.end()).catch((cause) => {
    throw new CacheWriteError(keys, result, intentTtl, cause);
  });
  emit(channels.invalidate, () => ({ keys }));
  return result;
}
async function openMutation(client2, { keys, intentTtl: defaultTtl, options: options2, around = (work) => work() }) {
  const intentTtl = options2?.intentTtl === void 0 ? defaultTtl : parseDuration(options2.intentTtl, "intentTtl");
  const write2 = await around(() => openWrite(client2, { keys, intentTtl }));
  return mutation({
    commit: () => around(async () => {
      await write2.end().catch((cause) => {
        throw new CacheWriteError(keys, void 0, intentTtl, cause);
      });
      emit(channels.invalidate, () => ({ keys }));
    }),
    abort: () => around(() => write2.abort())
  });
}
function mutation({
  commit,
  abort
}) {
  let end;
  const endBy = (by) => {
    const ending = end ??= { by, done: void 0 };
    return ending.done ??= (by === "commit" ? commit() : abort()).catch((error) => {
      ending.done = void 0;
      throw error;
    });
  };
  return {
    async commit() {
      if (end?.by === "abort")
        throw new CacheError(
          "commit() was called on a change that had been aborted. Its entries were deleted before the source committed. Begin a new change.",
          { code: "USAGE" }
        );
      await endBy("commit");
    },
    async abort() {
      if (end?.by !== "commit") await endBy("abort");
    },
    async [Symbol.asyncDispose]() {
      if (!end) await endBy("abort");
    }
  };
}
var announce_default = "-- Collects announcements of changed entries. Put before every script that changes entries;\n-- publish-announcements.lua publishes them after its last call.\n--\n-- All calls of one script are announced in one message per sender, without duplicate keys. The\n-- message has the sequence number and the id of the first call (`nth` is '<number> <id>'). If the\n-- next key would make it too long, the message is published first, and a new one begins.\n--\n-- The log, if there is one, is a stream that is read after a gap. A script appends to it, but never\n-- creates it. A log that can't take a message (out of memory) is deleted, so that nobody catches up\n-- from a log that lacks the message.\n\nlocal announcements, senders = {}, {}\n\nlocal function publish(announcement)\n  local message = {\n    v = 1,\n    from = announcement.from,\n    nth = announcement.nth,\n    id = announcement.id,\n    keys = announcement.keys,\n  }\n  local log = announcement.log\n  if log then\n    local encoded = cjson.encode(message)\n    local added = redis.pcall('XADD', log, 'NOMKSTREAM', 'MAXLEN', '~', 10000, '*', 'm', encoded)\n    if type(added) == 'string' then message.at = added end\n    if type(added) == 'table' and redis.call('TYPE', log).ok == 'stream' then\n      redis.call('DEL', log)\n    end\n  end\n  redis.call('PUBLISH', announcement.channel, cjson.encode(message))\nend\n\nlocal function announce(key, channel, from, nth, log)\n  if not channel then return end\n  local sender = channel .. ' ' .. from\n  local announcement = announcements[sender]\n  if announcement and not announcement.known[key] and announcement.bytes + #key > 65536 then\n    publish(announcement)\n    announcement = nil\n  end\n  if not announcement then\n    if not announcements[sender] then senders[#senders + 1] = sender end\n    local number, id = nth:match('^(%d+) ?(.*)$')\n    announcement = {\n      channel = channel,\n      from = from,\n      nth = tonumber(number),\n      id = id ~= '' and id or nil,\n      log = log,\n      keys = {},\n      known = {},\n      bytes = 0,\n    }\n    announcements[sender] = announcement\n  end\n  if announcement.known[key] then return end\n  announcement.known[key] = true\n  announcement.keys[#announcement.keys + 1] = key\n  announcement.bytes = announcement.bytes + #key\nend\n";
var publish_announcements_default = "-- Publishes the collected announcements. Runs once, after the last call of a script.\n-- needs announce.lua\n\nfor _, sender in ipairs(senders) do publish(announcements[sender]) end\n";

// ../../packages/core/dist/index.js
var KeyOrder = class {
  #queues = /* @__PURE__ */ new Map();
  #deadlines = new Deadlines({ forReplies: true });
  #send;
  #countWaiting;
  /** The number of the current tick. Calls of one tick may be sent in one command. */
  #tick = 0;
  /**
   * `send` sends a call with the requests of this tick. `countWaiting` counts the calls that have
   * to wait.
   */
  constructor(send, countWaiting) {
    this.#send = send;
    this.#countWaiting = countWaiting;
  }
  /** The requests of this tick are sent; later calls belong to the next tick. */
  endTick() {
    this.#tick++;
  }
  add(key, timed) {
    const queue2 = this.#queues.get(key);
    if (queue2 === void 0) {
      const newQueue = { unanswered: 0, last: void 0, waiting: [], unreachable: false };
      this.#queues.set(key, newQueue);
      this.#start(key, newQueue, timed);
    } else if (queue2.waiting.length === 0 && this.#canJoinLast(queue2, timed))
      this.#start(key, queue2, timed);
    else this.#wait(queue2, timed);
  }
  #start(key, queue2, timed) {
    queue2.unanswered++;
    queue2.last = { ...timed, tick: this.#tick };
    timed.call.answered = (error) => {
      queue2.unreachable = error instanceof ConnectionError;
      this.#answered(key, queue2);
    };
    this.#send(timed);
  }
  #answered(key, queue2) {
    queue2.unanswered--;
    if (queue2.unanswered > 0) return;
    const { waiting } = queue2;
    if (waiting.length === 0) this.#queues.delete(key);
    queue2.last = void 0;
    for (let next2 = waiting[0]; next2 && this.#canJoinLast(queue2, next2); next2 = waiting[0]) {
      waiting.shift();
      this.#countWaiting(-1);
      this.#start(key, queue2, next2);
    }
  }
  /** Whether a call can be sent in one command with the last one, or is the first. */
  #canJoinLast({ last }, { call: call2, timeout }) {
    if (last === void 0) return true;
    return last.tick === this.#tick && last.timeout === timeout && last.call.script === call2.script && last.call.keys.length === call2.keys.length && last.call.args.length === call2.args.length;
  }
  #wait(queue2, timed) {
    const { call: call2, timeout } = timed;
    const waitingCall = {
      ...timed,
      call: {
        ...call2,
        resolve: (value) => {
          this.#deadlines.done(deadline);
          call2.resolve(value);
        },
        reject: (error) => {
          this.#deadlines.done(deadline);
          call2.reject(error);
        }
      }
    };
    const deadline = this.#deadlines.set(timeout, () => {
      const index2 = queue2.waiting.indexOf(waitingCall);
      if (index2 >= 0) {
        queue2.waiting.splice(index2, 1);
        this.#countWaiting(-1);
        call2.reject(unsentError(call2, timeout));
      } else call2.reject(timeoutError(call2, timeout, queue2.unreachable));
    });
    queue2.waiting.push(waitingCall);
    this.#countWaiting(1);
  }
};
function unsentError({ script, keys: [key] }, timeout) {
  return new ConnectionError(
    `${script.name} ${key} was not sent: an earlier call on its key was not answered within ${timeout} ms. ${ADVICE}`,
    { command: script.name, key, code: "NOT_SENT" }
  );
}
function timeoutError({ script, keys: [key] }, timeout, unreachable) {
  const message = `${script.name} ${key} got no reply within ${timeout} ms. It may or may not have been executed. ${ADVICE}`;
  const details = { command: script.name, key };
  return unreachable ? new ConnectionError(message, details) : new CommandTimeoutError(message, details);
}
var ADVICE = "Check that Redis answers, or allow more time.";
var TickCalls = class {
  /** An array, since a tick runs few scripts. */
  #scripts = [];
  /** The calls of read-only scripts. Callers who make the same call share its reply. */
  #readOnlyCalls;
  #size = 0;
  /** The number of calls. */
  get size() {
    return this.#size;
  }
  /** Adds a call of a read-only script, or joins the same call if there is one. */
  addReadOnly(script, keys, args) {
    const id = JSON.stringify([script.sha, script.binary, keys, args]);
    const existing = this.#readOnlyCalls?.get(id);
    if (existing) return existing;
    const call2 = { script, keys, args, ...createDeferred() };
    (this.#readOnlyCalls ??= /* @__PURE__ */ new Map()).set(id, call2.promise);
    this.add(call2);
    return call2.promise;
  }
  add(call2) {
    let calls = this.#scripts.find(({ script }) => script === call2.script);
    if (!calls) this.#scripts.push(calls = new ScriptCalls(call2.script));
    calls.add(call2);
    this.#size++;
  }
  batchedCommands(driver2, singleServer) {
    const split = (run) => {
      if (!singleServer) return splitBySlot(driver2, run);
      return splitBySize(
        run.length <= MAX_CALLS_PER_COMMAND ? [run] : [...byFirstKey(run).values()]
      );
    };
    return this.#scripts.flatMap(({ runs }) => runs.flatMap(split).map(batchedCommandOf));
  }
};
var ScriptCalls = class {
  script;
  runs = [];
  /** The runs that may still grow. There is one for each number of keys and arguments. */
  #openRuns = [];
  /** The open run that a key is in. Only maintained if there is more than one open run. */
  #runByKey;
  constructor(script) {
    this.script = script;
  }
  add(call2) {
    let run = this.#openRuns.find(
      ([first]) => first.keys.length === call2.keys.length && first.args.length === call2.args.length
    );
    if (this.#openRuns.length > (run ? 1 : 0)) {
      const runByKey = this.#runByKey ??= runsByKey(this.#openRuns);
      if (call2.keys.some((key) => runByKey.has(key) && runByKey.get(key) !== run)) {
        this.#openRuns = [];
        this.#runByKey = void 0;
        run = void 0;
      }
    }
    if (run) run.push(call2);
    else {
      run = [call2];
      this.#openRuns.push(run);
      this.runs.push(run);
    }
    if (this.#runByKey) for (const key of call2.keys) this.#runByKey.set(key, run);
  }
};
function runsByKey(runs) {
  const byKey = /* @__PURE__ */ new Map();
  for (const run of runs) for (const { keys } of run) for (const key of keys) byKey.set(key, run);
  return byKey;
}
function splitBySlot(driver2, calls) {
  const spansSlots = ({ keys }) => driver2.group(keys).length > 1;
  const byKey = byFirstKey(calls.filter((call2) => !spansSlots(call2)));
  const grouped = driver2.group([...byKey.keys()]).flatMap((keys) => splitBySize(keys.map((key) => byKey.get(key))));
  return [...grouped, ...calls.filter(spansSlots).map((call2) => [call2])];
}
function byFirstKey(calls) {
  const byKey = /* @__PURE__ */ new Map();
  for (const call2 of calls) {
    const key = call2.keys[0] ?? "";
    const sameKey = byKey.get(key);
    if (sameKey) sameKey.push(call2);
    else byKey.set(key, [call2]);
  }
  return byKey;
}
function splitBySize(groups2) {
  const parts = [];
  for (const group of groups2) {
    const last = parts.at(-1);
    if (last && last.length + group.length <= MAX_CALLS_PER_COMMAND) last.push(...group);
    else for (const part of chunks(group, MAX_CALLS_PER_COMMAND)) parts.push([...part]);
  }
  return parts;
}
function batchedCommandOf(calls) {
  const { script, args } = calls[0];
  const keys = calls.length === 1 ? calls[0].keys : calls.flatMap((call2) => call2.keys);
  const scriptArgs = [
    String(keys.length),
    ...keys,
    ...calls.length === 1 ? args : combinedArguments(calls),
    String(calls.length)
  ];
  const fail = (error) => {
    for (const call2 of calls) {
      call2.answered?.(error);
      call2.reject(error);
    }
  };
  const deliver = (reply) => deliverCalls(calls, reply);
  const batchedCommand = (name, hashOrSource) => ({
    command: { args: [name, hashOrSource, ...scriptArgs], keys, binary: script.binary },
    requestCount: calls.length,
    deliver,
    fail
  });
  return {
    ...batchedCommand("EVALSHA", script.sha),
    withSource: () => batchedCommand("EVAL", script.source)
  };
}
function combinedArguments(calls) {
  const shared = [];
  const ownIndexes = [];
  let kinds = "";
  const first = calls[0].args;
  for (let j2 = 0; j2 < first.length; j2++) {
    const isShared = calls.every(({ args }) => args[j2] === first[j2]);
    kinds += isShared ? "=" : "-";
    if (isShared) shared.push(first[j2]);
    else ownIndexes.push(j2);
  }
  const own = calls.flatMap(({ args }) => ownIndexes.map((j2) => args[j2]));
  return [...shared, ...own, kinds];
}
function deliverCalls(calls, replies) {
  const failures = failuresOf(replies[calls.length]);
  reportForeignValues(calls[0].script, replies[calls.length + 1]);
  for (let i = 0; i < calls.length; i++) {
    const call2 = calls[i];
    const message = failures?.get(i);
    call2.answered?.();
    if (message === void 0) call2.resolve(replies[i]);
    else
      call2.reject(
        ServerError.fromReply(withoutScriptPosition(message), {
          command: call2.script.name,
          key: call2.keys[0],
          args: call2.args
        })
      );
  }
}
function failuresOf(pairs) {
  if (pairs.length === 0) return void 0;
  const failures = /* @__PURE__ */ new Map();
  for (let i = 0; i < pairs.length; i += 2) failures.set(pairs[i], String(pairs[i + 1]));
  return failures;
}
function reportForeignValues(script, pairs = []) {
  for (let i = 0; i < pairs.length; i += 2) {
    const key = String(pairs[i]);
    const message = `"${key}" held a value that this package does not write (${String(pairs[i + 1])}). It was deleted. Make sure that nobody else uses keys of this namespace.`;
    emit(channels.error, () => ({
      operation: script.name,
      key,
      error: new CacheError(message, { code: "FOREIGN_VALUE", key })
    }));
  }
}
function withoutScriptPosition(text2) {
  return text2.replace(/^(?:ERR )?(?:Error running script[^:]*:)?\s*@?user_script:\s*\d+:\s*/, "");
}
var TickReads = class {
  #shared;
  #readers = /* @__PURE__ */ new Map();
  #values = [];
  #settledCount = 0;
  constructor(singleServer) {
    if (singleServer) this.#shared = createDeferred();
  }
  get size() {
    return this.#readers.size;
  }
  add(key) {
    let reader = this.#readers.get(key);
    if (!reader) {
      reader = this.#shared ? { deferred: this.#shared, index: this.#readers.size } : { deferred: createDeferred(), index: 0 };
      this.#readers.set(key, reader);
    }
    return { values: reader.deferred.promise, index: reader.index };
  }
  batchedCommands(driver2) {
    const keys = [...this.#readers.keys()];
    const keyGroups = this.#shared ? chunks(keys, MAX_KEYS_PER_COMMAND) : groups(driver2, keys);
    return keyGroups.map((group) => this.#batchedCommand(group));
  }
  #batchedCommand(keys) {
    const fail = (error) => this.#settle(
      keys,
      keys.map(() => error)
    );
    if (keys.length === 1) {
      const failSingle = (error) => error.code === "WRONGTYPE" ? this.#settle(keys, [null]) : fail(error);
      return {
        command: { args: ["GET", keys[0]], keys, binary: true },
        requestCount: 1,
        deliver: (value) => this.#settle(keys, [value]),
        fail: failSingle
      };
    }
    return {
      command: mget(keys),
      requestCount: keys.length,
      deliver: (values) => this.#settle(keys, values),
      fail
    };
  }
  #settle(keys, values) {
    if (!this.#shared) {
      for (let i = 0; i < keys.length; i++)
        this.#readers.get(keys[i]).deferred.resolve([values[i]]);
    } else if (keys.length === this.#readers.size) this.#shared.resolve(values);
    else {
      for (let i = 0; i < keys.length; i++)
        this.#values[this.#readers.get(keys[i]).index] = values[i];
      this.#settledCount += keys.length;
      if (this.#settledCount === this.#readers.size) this.#shared.resolve(this.#values);
    }
  }
};
function mget(keys) {
  return { args: ["MGET", ...keys], keys, binary: true };
}
function groups(driver2, keys) {
  return driver2.group(keys).flatMap((group) => chunks(group, MAX_KEYS_PER_COMMAND));
}
var Batch = class {
  #driver;
  #singleServer;
  #send;
  #maxInFlight;
  /** The requests of this tick. There is one queue per timeout, so there are few. */
  #queues = [];
  /** The groups that are still to be sent, in this order. */
  #sendGroups = [];
  #keyOrder = new KeyOrder(
    ({ call: call2, timeout }) => this.#add(timeout, (calls) => calls.add(call2)),
    (change) => {
      this.#inFlight += change;
    }
  );
  #inFlight = 0;
  #scheduled = false;
  #sending = false;
  /**
   * Whether a NOPERM error was reported. Some callers continue without Redis, so that nobody would
   * notice it otherwise.
   */
  #permissionErrorReported = false;
  constructor(driver2, send, maxInFlight) {
    this.#driver = driver2;
    this.#singleServer = driver2.topology === "standalone" || driver2.topology === "sentinel";
    this.#send = send;
    this.#maxInFlight = maxInFlight;
  }
  /** How many requests one caller should have in flight, so that there is room for others. */
  get atOnce() {
    return Math.max(1, Math.floor(this.#maxInFlight / 10));
  }
  /**
   * Reads a key. Resolves to what `parse` returns for the value, or for `null` if there is none.
   */
  read(key, timeout, parse) {
    if (typeof key !== "string") return Promise.reject(notAString(key));
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse();
    const queue2 = this.#queueFor(timeout);
    const reads2 = queue2.reads ??= new TickReads(this.#singleServer);
    const sizeBefore = reads2.size;
    const { values, index: index2 } = reads2.add(key);
    this.#inFlight += reads2.size - sizeBefore;
    return values.then((all) => {
      const value = all[index2];
      if (value instanceof CacheError) throw value;
      return parse(value);
    });
  }
  /**
   * Reads many keys. Each group of keys has a command of its own. If a command fails, its error
   * stands in the place of each of its keys.
   */
  async readMany(keys, timeout) {
    for (const key of keys) if (typeof key !== "string") throw notAString(key);
    const keyGroups = groups(this.#driver, keys);
    const replies = [];
    for (const part of chunks(keyGroups, this.atOnce))
      replies.push(
        ...await Promise.all(
          part.map(
            (group) => this.command(mget(group), timeout).catch((error) => error)
          )
        )
      );
    const valuesOf = (i) => {
      const reply = replies[i];
      return reply instanceof CacheError ? keyGroups[i].map(() => reply) : reply;
    };
    if (keyGroups.length === 1) return valuesOf(0);
    const byKey = /* @__PURE__ */ new Map();
    for (const [i, group] of keyGroups.entries())
      for (const [j2, value] of valuesOf(i).entries()) byKey.set(group[j2], value);
    return keys.map((key) => byKey.get(key));
  }
  call(script, keys, args, timeout) {
    for (const key of keys) if (typeof key !== "string") return Promise.reject(notAString(key));
    for (const argument of args)
      if (typeof argument !== "string" && !Buffer.isBuffer(argument))
        return Promise.reject(new InvalidOptionError("args", "strings and Buffers", argument));
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse();
    if (script.readOnly) return this.#add(timeout, (calls) => calls.addReadOnly(script, keys, args));
    const call2 = { script, keys, args, ...createDeferred() };
    if (keys.length > 0) this.#keyOrder.add(keys[0], { call: call2, timeout });
    else this.#add(timeout, (calls) => calls.add(call2));
    return call2.promise;
  }
  #add(timeout, add4) {
    const queue2 = this.#queueFor(timeout);
    const calls = queue2.calls ??= new TickCalls();
    const sizeBefore = calls.size;
    const result = add4(calls);
    this.#inFlight += calls.size - sizeBefore;
    return result;
  }
  command(command, timeout) {
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse();
    const { promise, resolve, reject } = createDeferred();
    const queue2 = this.#queueFor(timeout);
    (queue2.commands ??= []).push({ command, promise, resolve, reject });
    this.#inFlight++;
    return promise;
  }
  #refuse() {
    return Promise.reject(
      new ConnectionError(
        `${this.#inFlight} requests are waiting for Redis, which is the limit that "resilience.maxInFlight" sets. Send fewer at once, or raise the limit.`,
        { code: "OVERLOADED" }
      )
    );
  }
  #queueFor(timeout) {
    if (!this.#scheduled) {
      this.#scheduled = true;
      void RESOLVED.then(this.#atEndOfTick);
    }
    for (const queue22 of this.#queues) if (queue22.timeout === timeout) return queue22;
    const queue2 = { timeout };
    this.#queues.push(queue2);
    return queue2;
  }
  #atEndOfTick = () => process.nextTick(this.#flush);
  #flush = () => {
    this.#scheduled = false;
    this.#keyOrder.endTick();
    for (const queue2 of this.#queues) this.#sendGroups.push(...this.#groupsOf(queue2));
    this.#queues = [];
    if (!this.#sending) this.#sendNext();
  };
  /**
   * Sends the next groups. Groups with `inNextTurn` are sent in separate turns of the event loop,
   * so that the server can start with one while the next is prepared.
   */
  #sendNext = () => {
    do {
      const { commands, timeout } = this.#sendGroups.shift();
      void this.#sendAll(commands, timeout);
    } while (this.#sendGroups[0]?.inNextTurn === false);
    this.#sending = this.#sendGroups.length > 0;
    if (this.#sending) setImmediate(this.#sendNext);
  };
  #groupsOf({ timeout, reads: reads2, calls, commands = [] }) {
    const groupsToSend = [
      { commands: reads2 ? reads2.batchedCommands(this.#driver) : [], timeout, inNextTurn: false }
    ];
    let callCount = 0;
    for (const command of calls ? calls.batchedCommands(this.#driver, this.#singleServer) : []) {
      if (this.#singleServer && callCount >= MAX_CALLS_PER_COMMAND) {
        groupsToSend.push({ commands: [], timeout, inNextTurn: true });
        callCount = 0;
      }
      groupsToSend.at(-1).commands.push(command);
      callCount += command.requestCount;
    }
    for (const { command, resolve, reject } of commands)
      groupsToSend.at(-1).commands.push({ command, requestCount: 1, deliver: resolve, fail: reject });
    return groupsToSend;
  }
  async #sendAll(commands, timeout) {
    const pending = commands.slice();
    const toResend = [];
    const started = performance.now();
    const settle = (index2, reply) => {
      const command = pending[index2];
      if (command === void 0) return;
      pending[index2] = void 0;
      if (command.withSource && reply instanceof ServerError && reply.code === "NOSCRIPT")
        toResend.push(command.withSource());
      else this.#deliver(command, reply);
    };
    const replies = await this.#send(commands.map(commandOf), timeout, settle).catch(
      (cause) => {
        const error = new CacheError("The driver threw an error instead of returning one.", {
          code: "DRIVER",
          cause: redactedError(cause)
        });
        return commands.map(() => error);
      }
    );
    for (let index2 = 0; index2 < commands.length; index2++) settle(index2, replies[index2]);
    if (toResend.length === 0) return;
    const remaining = timeout - (performance.now() - started);
    if (remaining > 0) return this.#sendAll(toResend, remaining);
    for (const batched of toResend) this.#deliver(batched, resendTimeout(batched.command, timeout));
  }
  #deliver(command, reply) {
    this.#inFlight -= command.requestCount;
    if (!this.#permissionErrorReported && reply instanceof ServerError && reply.code === "NOPERM") {
      this.#permissionErrorReported = true;
      emit(channels.error, () => ({
        operation: "send",
        error: reply,
        ...reply.key !== void 0 && { key: reply.key }
      }));
    }
    if (reply instanceof Error)
      command.fail(
        reply instanceof CacheError ? reply : new CacheError(
          `The driver returned an error that is not a CacheError: ${summaryOf(reply)}`,
          { code: "DRIVER", cause: redactedError(reply) }
        )
      );
    else command.deliver(reply);
  }
};
function notAString(key) {
  return new InvalidKeyError(
    `A key must be a string, but one is ${key === null ? "null" : typeof key}.`
  );
}
function resendTimeout({ args: [name], keys: [key] }, timeout) {
  const command = key === void 0 ? name : `${name} ${key}`;
  return new CommandTimeoutError(
    `${command} was not executed: Redis did not know its script, and the deadline of ${Math.round(timeout)} ms passed before the script could be sent again.`,
    { command: name, key }
  );
}
var commandOf = ({ command }) => command;
var RESOLVED = Promise.resolve();
function decodeEntry(key, stored, life, format2) {
  const decoded2 = format2.decode(key, stored);
  return decoded2 instanceof Promise ? decoded2.then((result) => toEntry(key, result, life)) : toEntry(key, decoded2, life);
}
async function nearValueOf(key, format2, payload, life) {
  const bytes2 = Buffer.from(payload);
  const entry = await decodeEntry(key, bytes2, life, format2);
  return entry && { entry, format: format2, life, bytes: bytes2.length };
}
function toEntry(key, decoded2, life) {
  if (decoded2 instanceof Undecodable) {
    emit(channels.error, () => ({
      operation: "decode",
      key,
      error: decoded2.error,
      reason: decoded2.reason
    }));
    return void 0;
  }
  return life === void 0 ? decoded2 : { ...decoded2, life };
}
function entryKeys(key) {
  rawKey(key);
  return [key, companion(key, "lease"), companion(key, "intents")];
}
async function allEntryKeys(keys) {
  const slices = new Slices();
  const all = [];
  for (const key of keys) {
    if (slices.over) await slices.next();
    all.push(entryKeys(key));
  }
  return all;
}
var begin_write_default = "-- Announces a write of the source. Until its commit no load fills, and the old value lives no\n-- longer than the intent.\n-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log\n-- ARGV[1] token  ARGV[2] ttl of the intent, ms\n-- ARGV[3] 'read' to get the current value, or ''\n-- ARGV[4\u20266] maybe: channel, sender and sequence of the announcement (announce.lua)\n-- returns 1, or the value. Returns an error, and does nothing, if the write is over\n-- cost: O(log n) in the number of writers\n-- needs announce.lua, intents.lua\n\nlocal others = countWriters(KEYS[3])\nlocal mine = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]))\nif mine and mine < 0 then return redis.error_reply('ERR this write has ended') end\nif mine then others = others - 1 end -- The request was repeated after a lost reply.\nannounce(KEYS[1], ARGV[4], ARGV[5], ARGV[6], KEYS[4])\nlocal ttl = tonumber(ARGV[2])\n-- The DEL comes before any command that adds, so that a full server accepts those too.\nredis.call('DEL', KEYS[2])\nredis.call('ZADD', KEYS[3], now() + ttl, ARGV[1])\nlocal longest = -(redis.call('ZSCORE', KEYS[3], 'longest') or 0)\nif ttl > longest then redis.call('ZADD', KEYS[3], -ttl, 'longest') end\nif others > 0 then markConflict(KEYS[3]) end\nextendLife(KEYS[3], ttl + 1000)\n\nlocal life = redis.call('PTTL', KEYS[1])\nif life == -1 or life > ttl then redis.call('PEXPIRE', KEYS[1], ttl) end\nreturn ARGV[3] == 'read' and redis.call('GET', KEYS[1]) or 1\n";
var commit_write_default = "-- Ends a write of the source. Stores its value if that is safe, otherwise deletes the entry.\n-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log\n-- ARGV[1] token\n-- ARGV[2] 'value' | 'none' (the write failed, or its result is not known)\n-- ARGV[3] value  ARGV[4] ttl, ms\n-- ARGV[5] ms for which steps of this write may still arrive (0: none will)\n-- ARGV[6\u20268] maybe: channel, sender and sequence of the announcement (announce.lua)\n-- returns 'stored', 'kept' (there was a newer version) or 'deleted'\n-- cost: O(log n) in the number of writers\n-- needs announce.lua, intents.lua, version.lua\n\nannounce(KEYS[1], ARGV[6], ARGV[7], ARGV[8], KEYS[4])\nlocal writers = countWriters(KEYS[3])\nlocal conflict = redis.call('ZSCORE', KEYS[3], 'conflict')\nlocal inTime = not isGivenUp(KEYS[3], ARGV[1]) and redis.call('ZREM', KEYS[3], ARGV[1]) == 1\nlocal others = inTime and writers - 1 or writers\nif others == 0 then\n  removeMarkers(KEYS[3])\nelseif not inTime then\n  markConflict(KEYS[3])\nend\nredis.call('DEL', KEYS[2])\nif ARGV[5] ~= '0' then giveUp(KEYS[3], ARGV[1], tonumber(ARGV[5])) end\n\nlocal function delete()\n  redis.call('DEL', KEYS[1])\n  return 'deleted'\nend\n\nlocal function store(ttl)\n  local reply = redis.pcall('SET', KEYS[1], ARGV[3], 'PX', ttl)\n  if not reply.err then return 'stored' end\n  delete() -- The server is out of memory. The old value must not outlive the write.\n  error(reply)\nend\n\nif ARGV[2] ~= 'value' then return delete() end\n\nlocal mine = version(ARGV[3])\nif not mine then return inTime and not conflict and store(ARGV[4]) or delete() end\n\n-- Of two versions the newer one wins. Between overlapping writers, only an existing value proves\n-- that nothing newer was stored and lost again. A value that is stored under the intent of another\n-- writer lives no longer than that intent.\nlocal theirs = version(redis.call('GET', KEYS[1]))\nif theirs and theirs > mine then return 'kept' end\nif not inTime or (conflict and not theirs) then return delete() end\nif others == 0 then return store(ARGV[4]) end\nlocal deadline = redis.call('ZRANGEBYSCORE', KEYS[3], 0, '(inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]\nlocal left = deadline - now()\nreturn left > 0 and store(math.min(tonumber(ARGV[4]), left)) or delete()\n";
var discard_default = "-- Deletes an entry that can't be decoded, unless another value has replaced it. Otherwise its\n-- version could keep later writes out.\n-- KEYS[1] the entry\n-- ARGV[1] the SHA-1 of the value that was read\n-- returns 1 if it was deleted, else 0\n-- cost: O(size of the entry)\n\nlocal value = redis.pcall('GET', KEYS[1])\nlocal isSame = type(value) == 'string' and redis.sha1hex(value) == ARGV[1]\nreturn isSame and redis.call('DEL', KEYS[1]) or 0\n";
var expire_default = "-- Makes an entry stale: it lives on for at most as long as a stale entry may. A load in progress\n-- can't fill.\n-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] maybe: the log\n-- ARGV[1] how long a stale entry may live, ms (0: delete it)\n-- ARGV[2\u20264] maybe: channel, sender and sequence of the announcement (announce.lua)\n-- returns 1 if there was an entry, else 0\n-- cost: O(1)\n-- needs announce.lua\n\nannounce(KEYS[1], ARGV[2], ARGV[3], ARGV[4], KEYS[3])\nredis.call('DEL', KEYS[2])\nif ARGV[1] == '0' then return redis.call('DEL', KEYS[1]) end\nlocal life = redis.call('PTTL', KEYS[1])\nif life == -2 then return 0 end\nif life == -1 or life > tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end\nreturn 1\n";
var fill_default = "-- Stores the value that the holder of a lease loaded, if it still holds the lease and there is no\n-- newer version.\n-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log\n-- ARGV[1] token  ARGV[2] value  ARGV[3] ttl, ms\n-- ARGV[4] ms for which the request for the lease may still arrive (0: it will not)\n-- ARGV[5\u20267] maybe: channel, sender and sequence of the announcement (announce.lua), if the fill\n-- is part of a write\n-- returns 1 (stored), 0 (the lease was lost) or 2 (there was a newer version). Returns an error if\n-- the server is full; the lease is then released\n-- cost: O(1)\n-- needs announce.lua, intents.lua, version.lua\n\n-- A value of another type makes the call fail here, before it changes anything.\nif ARGV[4] ~= '0' then redis.call('ZCARD', KEYS[3]) end\nlocal isLost = redis.call('GET', KEYS[2]) ~= ARGV[1]\nlocal outcome = 0\nif not isLost then\n  announce(KEYS[1], ARGV[5], ARGV[6], ARGV[7], KEYS[4])\n  local mine = version(ARGV[2])\n  local theirs = mine and version(redis.call('GET', KEYS[1]))\n  local isNewest = not (theirs and theirs > mine)\n  local reply = isNewest and redis.pcall('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n  redis.call('DEL', KEYS[2])\n  outcome = not reply and 2 or reply.err and reply or 1\nend\nif ARGV[4] ~= '0' then giveUp(KEYS[3], ARGV[1], tonumber(ARGV[4])) end\nreturn outcome\n";
var give_up_default = "-- Takes back a lease whose request got no reply. It may have been granted, or may still be.\n-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents\n-- ARGV[1] token  ARGV[2] ms for which the request may still arrive\n-- returns 1\n-- cost: O(log n) in the number of writers\n-- needs intents.lua\n\nif redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end\ngiveUp(KEYS[3], ARGV[1], tonumber(ARGV[2]))\nreturn 1\n";
var increment_default = "-- Adds to an entry that is a number. A load in progress can't fill, and a write in progress can't\n-- store its value.\n-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log\n-- ARGV[1] a whole number to add\n-- ARGV[2] the ttl of an entry that has none, ms (0: it does not expire)\n-- ARGV[3\u20265] maybe: channel, sender and sequence of the announcement (announce.lua)\n-- returns the sum. Returns an error, and changes nothing, if the sum exceeds \xB1(2^53 - 1), because\n-- such a number can't be told from the next one\n-- cost: O(1), and O(log n) in the number of writers\n-- needs announce.lua, intents.lua\n\nlocal hasWriters = countWriters(KEYS[3]) > 0 -- This comes first: what follows can't be done twice.\nannounce(KEYS[1], ARGV[3], ARGV[4], ARGV[5], KEYS[4])\nlocal sum = redis.call('INCRBY', KEYS[1], ARGV[1])\nif math.abs(sum) > 9007199254740991 then\n  redis.call('DECRBY', KEYS[1], ARGV[1])\n  return redis.error_reply('ERR the sum would be beyond 2^53 - 1, or below its negative')\nend\nif ARGV[2] ~= '0' and redis.call('PTTL', KEYS[1]) == -1 then\n  redis.call('PEXPIRE', KEYS[1], ARGV[2])\nend\nredis.call('DEL', KEYS[2])\nif hasWriters then markConflict(KEYS[3]) end\nreturn sum\n";
var intents_default = "-- Functions for the intents of an entry: which writes are in progress, and which attempts were\n-- given up. Put before the scripts that use them.\n--\n-- The intents are a sorted set. Its members and their scores:\n--   token of a writer  the deadline of the write, in ms of the server's clock\n--   'conflict'         +inf. It exists while writers overlapped, or an invalidation came between\n--                      the begin and the commit of one\n--   'longest'          -(the longest ttl of the writers in the set, in ms)\n--   any other token    -(the time until which it is remembered). Its attempt to write or to load is\n--                      over, and must not succeed late\n--   'yields ' + token  -(the time until which it applies). The next caller that asks for the lease\n--                      of this token may take it over\n-- needs foreign-values.lua\n\nlocal function now()\n  local time = redis.call('TIME')\n  return time[1] * 1000 + math.floor(time[2] / 1000)\nend\n\n-- Removes `conflict` and `longest`. Called when the last writer is gone.\nlocal function removeMarkers(intents)\n  redis.call('ZREM', intents, 'conflict', 'longest')\nend\n\n-- Caps deadlines after the clock was set back. An intent with more time left than any was given is\n-- from before that. Its remaining time is not known, but it is at most the time it was given, and\n-- at most a week, whoever wrote it.\nlocal function capDeadlines(intents, time)\n  local longest = -(redis.call('ZSCORE', intents, 'longest') or 0)\n  local latest = time + math.min(longest, 604800000)\n  for _, token in ipairs(redis.call('ZRANGEBYSCORE', intents, '(' .. latest, '(inf')) do\n    redis.call('ZADD', intents, latest, token)\n  end\nend\n\n-- Removes what is past its deadline, and returns the number of writers that are left. Deletes a set\n-- without a ttl, because none of ours is without one.\nlocal function countWriters(intents)\n  local life = redis.call('PTTL', intents)\n  if life == -1 and redis.call('DEL', intents) == 1 then\n    reportForeignValue(intents, 'without an end')\n  end\n  if life < 0 then return 0 end\n  local time = now()\n  redis.call('ZREMRANGEBYSCORE', intents, 0, '(' .. time)\n  redis.call('ZREMRANGEBYSCORE', intents, '(-' .. time, -1e12)\n  local writers = redis.call('ZCOUNT', intents, 0, '(inf')\n  if writers == 0 then removeMarkers(intents) else capDeadlines(intents, time) end\n  return writers\nend\n\nlocal function markConflict(intents)\n  redis.call('ZADD', intents, '+inf', 'conflict')\nend\n\n-- Makes the set live for at least `ttl` ms. It outlives its last deadline, so that only the clock\n-- of `countWriters` ends intents.\nlocal function extendLife(intents, ttl)\n  if redis.call('PTTL', intents) < ttl then redis.call('PEXPIRE', intents, ttl) end\nend\n\n-- Gives up the attempt of a token. Its steps that arrive within `ttl` ms do nothing.\nlocal function giveUp(intents, token, ttl)\n  -- A full server accepts a command that adds only after a write that does not.\n  redis.call('ZREM', intents, token)\n  redis.call('ZADD', intents, -(now() + ttl), token)\n  extendLife(intents, ttl)\nend\n\nlocal function isGivenUp(intents, token)\n  local score = redis.call('ZSCORE', intents, token)\n  return score and tonumber(score) < 0\nend\n\n-- Allows others to take over the lease of a token for `ttl` ms.\nlocal function allowTakeover(intents, token, ttl)\n  redis.call('ZADD', intents, -(now() + ttl), 'yields ' .. token)\n  extendLife(intents, ttl)\nend\n\nlocal function allowsTakeover(intents, token)\n  return redis.call('ZSCORE', intents, 'yields ' .. token)\nend\n";
var invalidate_default = "-- Deletes an entry. A load in progress can't fill, and a write in progress can't store its value.\n-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents  KEYS[4] maybe: the log\n-- ARGV[1] a version: if the entry has a newer one, nothing is done ('': delete every version)\n-- ARGV[2\u20264] maybe: channel, sender and sequence of the announcement (announce.lua)\n-- returns 1 if an entry was deleted, else 0\n-- cost: O(1), and O(log n) in the number of writers\n-- needs announce.lua, intents.lua, version.lua\n\nif ARGV[1] ~= '' then\n  local theirs = version(redis.call('GET', KEYS[1]))\n  if theirs and theirs > tonumber(ARGV[1]) then return 0 end\nend\nannounce(KEYS[1], ARGV[2], ARGV[3], ARGV[4], KEYS[4])\n-- The DEL comes before any command that adds, so that a full server accepts those too.\nlocal existed = redis.call('DEL', KEYS[1])\nredis.call('DEL', KEYS[2])\nif countWriters(KEYS[3]) > 0 then markConflict(KEYS[3]) end\nreturn existed\n";
var lease_default = "-- Asks for the right to load a missing or stale entry.\n-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents\n-- KEYS[4] maybe: a hash of values that take precedence over the entry\n-- ARGV[1] token  ARGV[2] ttl of the lease, ms\n-- ARGV[3] an entry with at most this many ms left to live is stale (-1: none is; 'all': every one)\n-- ARGV[4] 'wait' while another holds the lease, or 'take' it over\n-- ARGV[5] the field of the entry in the hash  ARGV[6] the ttl with which it becomes the entry, ms\n-- ARGV[7] maybe: an entry with this stamp ('': without one) is stale too, and is not returned\n-- returns 1 in the most frequent case: leased, and there is no value. Otherwise\n--   {status, value or nil, ms the value has left to live, ms the current lease has left}\n--   status is one of\n--   hit      the entry is fresh\n--   leased   load, then fill\n--   wait     another caller loads\n--   bypass   load, but do not fill: a write is in progress, or this request was given up before it\n--            arrived\n--   skip     load, but do not fill: the last loader asked not to cache its value ('wait' only)\n-- Returns an error if the server takes no writes, and there is no value that can be returned\n-- cost: O(1), and O(log n) in the number of writers\n-- needs intents.lua, foreign-values.lua, stamp.lua\n\nif redis.call('EXISTS', unpack(KEYS)) == 0 then\n  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])\n  return 1\nend\n\nlocal override = KEYS[4] and redis.call('HGET', KEYS[4], ARGV[5])\nlocal refused = override and redis.pcall('SET', KEYS[1], override, 'PX', ARGV[6]).err\n-- A server that is full, or can't save to its disk, has everything it acknowledged. The value is\n-- returned all the same.\nif refused and not (refused:find('OOM ', 1, true) or refused:find('MISCONF ', 1, true)) then\n  return redis.error_reply(refused)\nend\n\nlocal value = refused and override or redis.call('GET', KEYS[1])\nif value and ARGV[7] and stamp(value) == ARGV[7] then value = false end\nlocal life = refused and tonumber(ARGV[6]) or value and redis.call('PTTL', KEYS[1]) or 0\nlocal staleBelow = ARGV[3] == 'all' and math.huge or tonumber(ARGV[3])\nif value and (life > staleBelow or (life == -1 and staleBelow < math.huge)) then\n  return {'hit', value, life, 0}\nend\n\nif countWriters(KEYS[3]) > 0 or isGivenUp(KEYS[3], ARGV[1]) then\n  return {'bypass', value, life, 0}\nend\n\nlocal holder = redis.call('GET', KEYS[2])\nlocal isHeldByOther = holder and holder ~= ARGV[1]\nif isHeldByOther and ARGV[4] == 'wait' and not allowsTakeover(KEYS[3], holder) then\n  local left = redis.call('PTTL', KEYS[2])\n  if left > tonumber(ARGV[2]) then -- The lease was taken before the clock was set back.\n    left = tonumber(ARGV[2])\n    redis.call('PEXPIRE', KEYS[2], left)\n  end\n  if left >= 0 then return {holder == 'skip' and 'skip' or 'wait', value, life, left} end\n  reportForeignValue(KEYS[2], 'without an end')\nend\nredis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])\nreturn {'leased', value, life, 0}\n";
var read_default = "-- Reads an entry together with its remaining life.\n-- KEYS[1] the entry\n-- returns {value, ms left to live (-1: it does not expire)}, or nothing if there is no entry or it\n-- is of another type\n-- cost: O(1)\n\nlocal value = redis.pcall('GET', KEYS[1])\nreturn type(value) == 'string' and {value, redis.call('PTTL', KEYS[1])}\n";
var release_default = "-- Releases a lease without a value: the load failed, or its value is not to be cached.\n-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents\n-- ARGV[1] token\n-- ARGV[2] ms for which others load for themselves without waiting (0: the next one may take the\n-- lease)\n-- ARGV[3] ms for which the request for the lease may still arrive (0: it will not)\n-- returns 1 if the token still held the lease, else 0\n-- cost: O(1)\n-- needs intents.lua\n\n-- A value of another type makes the call fail here, before it changes anything.\nif ARGV[3] ~= '0' then redis.call('ZCARD', KEYS[3]) end\nlocal isHeld = redis.call('GET', KEYS[2]) == ARGV[1]\nif isHeld then\n  -- The DEL comes first, so that a full server accepts the commands that add too.\n  redis.call('DEL', KEYS[2])\n  if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], 'skip', 'PX', ARGV[2]) end\nend\nif ARGV[3] ~= '0' then giveUp(KEYS[3], ARGV[1], tonumber(ARGV[3])) end\nreturn isHeld and 1 or 0\n";
var renew_default = "-- Extends a lease while its holder loads.\n-- KEYS[1] the entry  KEYS[2] its lease  KEYS[3] its intents\n-- ARGV[1] token  ARGV[2] ttl of the lease from now on, ms\n-- ARGV[3] 'yield' to the next caller that asks for it, or ''\n-- returns 1, or 0 if the token no longer holds the lease\n-- cost: O(1), and O(log n) in the number of writers\n-- needs intents.lua\n\nif redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end\n-- This comes before any command that adds, so that a full server accepts those too.\nredis.call('PEXPIRE', KEYS[2], ARGV[2])\nif ARGV[3] == 'yield' then allowTakeover(KEYS[3], ARGV[1], tonumber(ARGV[2])) end\nreturn 1\n";
var stamp_default = "-- Reads the stamp of a stored entry. Put before the scripts that compare stamps.\n--\n-- The frame (frame.ts) begins with control byte 1 and flags. If bit 4 of the flags is set, the\n-- stamp follows after the version (bit 0, 8 bytes) and the compute time (bit 1, 4 bytes), preceded\n-- by its length in 4 bytes. Returns '' if there is no stamp.\n\nlocal function stamp(stored)\n  if #stored < 6 or stored:byte(1) ~= 1 then return '' end\n  local flags = stored:byte(2)\n  if math.floor(flags / 16) % 2 == 0 then return '' end\n  local versionBytes = flags % 2 == 1 and 8 or 0\n  local computeTimeBytes = math.floor(flags / 2) % 2 == 1 and 4 or 0\n  local start = 3 + versionBytes + computeTimeBytes\n  if #stored < start + 3 then return '' end\n  local length = struct.unpack('>I4', stored:sub(start, start + 3))\n  return stored:sub(start + 4, start + 3 + length)\nend\n";
var version_default = "-- Reads the version of a stored entry. Put before the scripts that compare versions.\n--\n-- The frame (frame.ts) begins with control byte 1 and flags. If bit 0 of the flags is set, the\n-- version follows as a big-endian double. Returns nil if there is none.\n\nlocal function version(stored)\n  if not stored or #stored < 10 or stored:byte(1) ~= 1 or stored:byte(2) % 2 == 0 then\n    return nil\n  end\n  local number = struct.unpack('>d', stored:sub(3, 10))\n  -- No reader accepts any other number, so it must not keep newer versions out.\n  local isValid = number >= 0 and number <= 9007199254740991 and number % 1 == 0\n  return isValid and number or nil\nend\n";
var KEY_TYPES = ["string", "string", "zset"];
var isOne = (reply) => reply === 1;
var toStored = (value, life) => ({
  value,
  life: life === -1 ? Infinity : life
});
var readScript = defineScript({
  name: "entry read",
  lua: read_default,
  binary: true,
  readOnly: true,
  parse: (reply) => {
    if (reply === null) return void 0;
    const [value, life] = reply;
    return toStored(value, life);
  }
});
var leaseScript = defineScript({
  name: "entry lease",
  functions: intents_default + stamp_default,
  lua: lease_default,
  types: [...KEY_TYPES, "hash"],
  binary: true,
  parse: (reply) => {
    if (reply === 1) return { status: "leased", stored: void 0, remaining: 0 };
    const [status, value, life, remaining] = reply;
    return {
      status: String(status),
      stored: value === null ? void 0 : toStored(value, life),
      remaining
    };
  }
});
var FILL_OUTCOMES = ["lost", "stored", "newer"];
var fillScript = defineScript({
  name: "entry fill",
  functions: announce_default + intents_default + version_default,
  lua: fill_default,
  types: KEY_TYPES,
  after: publish_announcements_default,
  parse: (reply) => FILL_OUTCOMES[reply]
});
var releaseScript = defineScript({
  name: "entry release",
  functions: intents_default,
  lua: release_default,
  types: KEY_TYPES,
  parse: isOne
});
var renewScript = defineScript({
  name: "entry renew",
  functions: intents_default,
  lua: renew_default,
  types: KEY_TYPES,
  parse: isOne
});
var giveUpScript = defineScript({
  name: "entry give up",
  functions: intents_default,
  lua: give_up_default,
  types: KEY_TYPES,
  parse: isOne
});
var invalidateScript = defineScript({
  name: "entry invalidate",
  functions: announce_default + intents_default + version_default,
  lua: invalidate_default,
  types: KEY_TYPES,
  after: publish_announcements_default,
  parse: isOne
});
var discardScript = defineScript({ name: "entry discard", lua: discard_default, parse: isOne });
var expireScript = defineScript({
  name: "entry expire",
  functions: announce_default,
  lua: expire_default,
  after: publish_announcements_default,
  parse: isOne
});
var incrementScript = defineScript({
  name: "entry increment",
  functions: announce_default + intents_default,
  lua: increment_default,
  types: ["any", "any", "zset"],
  after: publish_announcements_default,
  parse: Number
});
var beginWriteScript = defineScript({
  name: "entry beginWrite",
  functions: announce_default + intents_default,
  lua: begin_write_default,
  types: KEY_TYPES,
  after: publish_announcements_default,
  binary: true,
  parse: (reply) => reply === 1 ? void 0 : reply
});
var commitWriteScript = defineScript({
  name: "entry commitWrite",
  functions: announce_default + intents_default + version_default,
  lua: commit_write_default,
  types: KEY_TYPES,
  after: publish_announcements_default,
  parse: (reply) => String(reply)
});
function discardUnreadable(runner, key, stored) {
  const hash = createHash("sha1").update(stored).digest("hex");
  return runner.run(discardScript, [key], [hash], runner.readTimeout);
}
async function isNewer(runner, key, format2) {
  const stored = await runner.run(readScript, [key], [], runner.readTimeout);
  if (stored === void 0) return true;
  if (await decodeEntry(key, stored.value, stored.life, format2)) return true;
  return !await discardUnreadable(runner, key, stored.value);
}
function createChangeSteps(runner, lostReplies) {
  const { writeTimeout } = runner;
  const deleteEntries = async (keys, version) => {
    const all = await allEntryKeys(keys);
    const args = [version === void 0 ? "" : String(version)];
    const existed = await runner.changing(
      keys,
      (change) => runner.mapEach(all, (each) => runner.runChange(invalidateScript, each, args, change))
    );
    emit(channels.invalidate, () => ({ keys }));
    return countTrue(existed);
  };
  return {
    async put(key, format2, value, { ttl, meta }) {
      const token = createToken();
      const payload = format2.encode(key, value, meta);
      const leaseAndFill = async (change) => {
        const reply = await runner.run(
          leaseScript,
          entryKeys(key),
          [token, String(writeTimeout), "all", "take"],
          writeTimeout
        );
        if (reply.status !== "leased") return "lost";
        const args = [token, payload, String(ttl), lostReplies.lateFor()];
        return runner.runChange(fillScript, entryKeys(key), args, change);
      };
      const outcome = await runner.changing(
        [key],
        leaseAndFill,
        (result) => result === "stored" ? nearValueOf(key, format2, payload, ttl) : void 0
      ).catch((error) => {
        if (!(error instanceof ServerError)) lostReplies.giveUpLease(key, token);
        throw error;
      });
      if (outcome === "lost") await deleteEntries([key], meta?.version);
      if (outcome === "newer") await isNewer(runner, key, format2);
      return outcome === "stored";
    },
    invalidate: (keys) => deleteEntries(keys),
    async expire(keys, staleFor) {
      const all = await allEntryKeys(keys);
      return countTrue(
        await runner.changing(
          keys,
          (change) => runner.mapEach(
            all,
            ([key, lease]) => runner.runChange(expireScript, [key, lease], [String(staleFor)], change)
          )
        )
      );
    },
    async increment(key, amount, ttl = 0) {
      if (!Number.isSafeInteger(amount))
        throw new InvalidOptionError("amount", "a whole number within \xB1(2^53 - 1)", amount);
      if (!Number.isSafeInteger(ttl) || ttl < 0)
        throw new InvalidOptionError("ttl", "a whole number of ms, 0 or more", ttl);
      const args = [String(amount), String(ttl)];
      return runner.changing(
        [key],
        (change) => runner.runChange(incrementScript, entryKeys(key), args, change)
      );
    },
    async change(script, keys, args, beside2 = []) {
      const all = await allEntryKeys(keys);
      return runner.changing(
        keys,
        (change) => runner.mapEach(
          all,
          ([key, , intents]) => runner.runChange(script, [key, intents, ...beside2], args, change)
        )
      );
    }
  };
}
function countTrue(values) {
  return values.reduce((sum, value) => sum + (value ? 1 : 0), 0);
}
var LostReplies = class {
  #runner;
  #pending;
  #sinceResend;
  /** `sinceResend` is that of the `Driver`. */
  constructor(runner, pending, sinceResend) {
    this.#runner = runner;
    this.#pending = pending;
    this.#sinceResend = sinceResend;
  }
  /**
   * Returns for how many ms the first step of a token may still arrive, as a script argument. A
   * Redis client may have sent it twice, and got a reply to only one of them. If the other arrived
   * later, it would begin a write, or take a lease, that nobody ends.
   */
  lateFor() {
    return String(this.#sinceResend() < MAY_ARRIVE_FOR_MS ? MAY_ARRIVE_FOR_MS : 0);
  }
  /** Takes back a lease in the background. It may have been granted, or may still be. */
  giveUpLease(key, token) {
    const args = [token, String(MAY_ARRIVE_FOR_MS)];
    this.#pending.add({
      key,
      ttl: RETRY_FOR_MS,
      bytes: 3 * key.length,
      release: () => this.#runner.run(giveUpScript, entryKeys(key), args, this.#runner.writeTimeout)
    });
  }
  /** Ends writes in the background, and deletes their entries. They may have begun, or may yet. */
  giveUpWrites(all, token) {
    const args = [token, "none", "", "0", String(MAY_ARRIVE_FOR_MS)];
    const keys = all.map(([key]) => key);
    this.#pending.add({
      key: keys[0],
      ttl: RETRY_FOR_MS,
      bytes: 3 * keys.reduce((sum, key) => sum + key.length, 0),
      release: () => this.#runner.changing(
        keys,
        (change) => this.#runner.mapEach(
          all,
          (each) => this.#runner.runChange(commitWriteScript, each, args, change)
        )
      )
    });
  }
};
function mayHaveRun(error) {
  return !(error instanceof ServerError || error instanceof CacheError && NOT_SENT_CODES.includes(error.code));
}
var NOT_SENT_CODES = ["OVERLOADED", "CIRCUIT_OPEN", "INVALID_KEY", "NOT_SENT"];
var MAY_ARRIVE_FOR_MS = 6e4;
var RETRY_FOR_MS = 6e5;
function createLeaseSteps(runner, lostReplies) {
  const { near, readTimeout } = runner;
  return {
    async lease(key, format2, request) {
      const { token, ttl, staleBelow = -1, take = false, pendingValue, invalidStamp } = request;
      const keys = pendingValue ? [...entryKeys(key), pendingValue.key] : entryKeys(key);
      const optionalArgs = invalidStamp ? [pendingValue?.field ?? "", String(pendingValue?.ttl ?? 0), invalidStamp] : pendingValue ? [pendingValue.field, String(pendingValue.ttl)] : [];
      const requestLease = (stale) => runner.run(
        leaseScript,
        keys,
        [token, String(ttl), String(stale), take ? "take" : "wait", ...optionalArgs],
        readTimeout
      );
      const question = near?.ask(key);
      let value;
      try {
        let reply = await requestLease(staleBelow);
        let entry = reply.stored && await decodeEntry(key, reply.stored.value, reply.stored.life, format2);
        if (reply.stored && !entry) await discardUnreadable(runner, key, reply.stored.value);
        if (reply.status === "hit") {
          if (entry) {
            value = { entry, format: format2, life: reply.stored.life, bytes: reply.stored.value.length };
            return { status: "hit", entry };
          }
          reply = await requestLease("all");
          entry = void 0;
        }
        if (reply.status === "wait") return { status: "wait", entry, remaining: reply.remaining };
        return { status: reply.status, entry };
      } catch (error) {
        if (mayHaveRun(error)) lostReplies.giveUpLease(key, token);
        throw error;
      } finally {
        question?.answered(value);
      }
    },
    async fill(key, format2, token, value, { ttl, meta }) {
      const payload = format2.encode(key, value, meta);
      const question = near?.ask(key);
      let nearValue;
      try {
        const args = [token, payload, String(ttl), lostReplies.lateFor()];
        const outcome = await runner.run(fillScript, entryKeys(key), args, readTimeout);
        const stored = outcome === "stored";
        if (stored && near) nearValue = await nearValueOf(key, format2, payload, ttl);
        return stored;
      } finally {
        question?.answered(nearValue);
      }
    },
    renew(key, token, ttl, yields = false) {
      const args = [token, String(ttl), yields ? "yield" : ""];
      return runner.run(renewScript, entryKeys(key), args, readTimeout);
    },
    async release(key, token, skipFor = 0) {
      try {
        const args = [token, String(skipFor), lostReplies.lateFor()];
        return await runner.run(releaseScript, entryKeys(key), args, readTimeout);
      } catch (error) {
        if (!(error instanceof ServerError)) lostReplies.giveUpLease(key, token);
        throw error;
      }
    }
  };
}
function createReadSteps(runner) {
  const { batch, near, readTimeout } = runner;
  const readNear = (key, format2, alreadyChecked) => alreadyChecked === "near" ? void 0 : near?.get(key, format2);
  const readFromRedis = async (key, format2) => {
    const question = near?.ask(key);
    let value;
    try {
      const stored = await runner.run(readScript, [key], [], readTimeout);
      const entry = stored && await decodeEntry(key, stored.value, stored.life, format2);
      value = entry && { entry, format: format2, life: stored.life, bytes: stored.value.length };
      return entry;
    } finally {
      question?.answered(value);
    }
  };
  const readWithLife = async (key, format2, alreadyChecked) => readNear(key, format2, alreadyChecked) ?? readFromRedis(key, format2);
  const read3 = near ? readWithLife : (key, format2) => batch.read(
    key,
    readTimeout,
    (value) => value === null ? void 0 : decodeEntry(key, value, void 0, format2)
  );
  async function readMany(keys, format2, alreadyChecked) {
    if (near)
      return runner.mapEach(
        keys,
        async (key) => readNear(key, format2, alreadyChecked) ?? readFromRedis(key, format2).catch(cacheErrorOrThrow)
      );
    const all = [];
    for (const part of chunks(keys, READ_PER_TURN)) {
      const entries = (await batch.readMany(part, readTimeout)).map(
        (value, i) => value === null ? void 0 : value instanceof CacheError ? value : decodeEntry(part[i], value, void 0, format2)
      );
      all.push(
        ...entries.some((entry) => entry instanceof Promise) ? await Promise.all(entries.map(async (entry) => entry)) : entries
      );
    }
    return all;
  }
  return { read: read3, readMany, readWithLife };
}
function cacheErrorOrThrow(error) {
  if (error instanceof CacheError) return error;
  throw error;
}
var READ_PER_TURN = 2560;
function createSourceWriteSteps(runner, lostReplies) {
  const begin = async (keys, token, step) => {
    const all = await allEntryKeys(keys);
    return runner.changing(keys, async (change) => {
      const results = await runner.mapEach(all, (each) => settled(step(each, change)));
      const failed = results.find((result) => result.status === "rejected");
      if (failed === void 0)
        return results.map((result) => result.value);
      const open = all.filter((_, i) => {
        const result = results[i];
        return result.status === "fulfilled" || mayHaveRun(result.reason);
      });
      if (open.length > 0) lostReplies.giveUpWrites(open, token);
      throw failed.reason;
    });
  };
  return {
    async beginWrite(keys, token, intentTtl) {
      const args = [token, String(intentTtl), ""];
      await begin(
        keys,
        token,
        (each, change) => runner.runChange(beginWriteScript, each, args, change)
      );
    },
    async beginUpdate(key, format2, token, intentTtl) {
      const args = [token, String(intentTtl), "read"];
      const [stored] = await begin(
        [key],
        token,
        (each, change) => runner.runChange(beginWriteScript, each, args, change)
      );
      return stored && decodeEntry(key, stored, void 0, format2);
    },
    async commitWrite(key, token, write2) {
      const payload = write2 && write2.format.encode(key, write2.value, write2.meta);
      const valueArgs = write2 ? ["value", payload, String(write2.ttl)] : ["none", "", "0"];
      const args = [token, ...valueArgs, lostReplies.lateFor()];
      const keys = entryKeys(key);
      try {
        const outcome = await runner.changing(
          [key],
          (change) => runner.runChange(commitWriteScript, keys, args, change),
          (result) => result === "stored" ? nearValueOf(key, write2.format, payload, write2.ttl) : void 0
        );
        if (outcome === "kept" && !await isNewer(runner, key, write2.format)) return "deleted";
        return outcome;
      } catch (error) {
        lostReplies.giveUpWrites([keys], token);
        throw error;
      }
    }
  };
}
async function settled(promise) {
  const [result] = await Promise.allSettled([promise]);
  return result;
}
var StepRunner = class {
  batch;
  readTimeout;
  writeTimeout;
  near;
  constructor({ batch, readTimeout, writeTimeout, near }) {
    this.batch = batch;
    this.readTimeout = readTimeout;
    this.writeTimeout = writeTimeout;
    this.near = near;
  }
  async run(script, keys, args, timeout) {
    return script.parse(await this.batch.call(script, keys, args, timeout));
  }
  /** Runs a script that changes an entry. It publishes the announcement of the near cache. */
  runChange(script, keys, args, change) {
    const announcement = change?.announcement;
    if (!announcement) return this.run(script, keys, args, this.writeTimeout);
    const { channel: channel2, from, nth: sequence, id, log } = announcement;
    return this.run(
      script,
      log === void 0 ? keys : [...keys, log],
      [...args, channel2, from, id === void 0 ? String(sequence) : `${sequence} ${id}`],
      this.writeTimeout
    );
  }
  /**
   * Tells the near cache that these entries change, runs the change, and tells the outcome.
   * `valueAfter` returns the value of the one entry after the change, if it is known.
   */
  async changing(keys, work, valueAfter) {
    const change = this.near?.change(keys);
    if (!change) return work(void 0);
    let result;
    let value;
    try {
      result = await work(change);
      value = await valueAfter?.(result);
    } catch (error) {
      change.failed();
      throw error;
    }
    change.acknowledged(value);
    return result;
  }
  /** Runs a step for each item, up to `batch.atOnce` concurrently. Keeps the order of the items. */
  mapEach(items, step) {
    return mapAtOnce(items, this.batch.atOnce, step);
  }
};
function createEntryStore(options2) {
  const { batch, readTimeout, near, pending, sinceResend } = options2;
  const runner = new StepRunner(options2);
  const lostReplies = new LostReplies(runner, pending, sinceResend);
  return {
    atOnce: batch.atOnce,
    readTimeout,
    near,
    withNear: (other) => createEntryStore({ ...options2, near: other }),
    run: (script, keys, args) => runner.run(script, keys, args, readTimeout),
    ...createReadSteps(runner),
    ...createLeaseSteps(runner, lostReplies),
    ...createChangeSteps(runner, lostReplies),
    ...createSourceWriteSteps(runner, lostReplies)
  };
}
function createCacheClient(driver2, options2 = {}) {
  checkOptions("driver", { driver: driver2 }, ["driver"]).shaped(
    "driver",
    ["send", "group", "nodes", "subscribe", "close"],
    "a driver: ioredisDriver(\u2026) or nodeRedisDriver(\u2026)"
  );
  const check = checkOptions("options", options2, ["namespace", "resilience"]);
  const namespace = check.has("namespace") ? checkPrefix("namespace", options2.namespace) : "";
  const resilience = checkResilience(check);
  const { readTimeout, writeTimeout } = resilience;
  const send = driver2.topology === "sharded" ? (commands, timeout, settle) => driver2.send(commands, { timeout, settle }) : createGuardedSend(driver2, resilience);
  const batch = new Batch(driver2, send, resilience.maxInFlight);
  const pendingReleases = new PendingReleases();
  const sinceResend = () => driver2.sinceResend?.() ?? Infinity;
  const close = async () => {
    await pendingReleases.close();
    await driver2.close();
  };
  return {
    driver: driver2,
    namespace,
    entries: createEntryStore({
      batch,
      readTimeout,
      writeTimeout,
      pending: pendingReleases,
      sinceResend
    }),
    key: createKeys(namespace),
    send: async (command, { timeout = writeTimeout } = {}) => batch.command(checkCommand(command), checkTimeout(timeout)),
    run: async (script, keys, args, { timeout = writeTimeout } = {}) => script.parse(await batch.call(script, keys, args, checkTimeout(timeout))),
    scan: (pattern, scanOptions) => scanNodes(driver2, patternIn(namespace, pattern), scanOptions, isBeside),
    close,
    [Symbol.asyncDispose]: close
  };
}
function checkCommand(command) {
  const { args, keys } = command ?? {};
  const isCommand = Array.isArray(args) && args.length > 0 && args.every((argument) => typeof argument === "string" || Buffer.isBuffer(argument)) && Array.isArray(keys) && keys.every((key) => typeof key === "string");
  if (!isCommand)
    throw new InvalidOptionError(
      "command",
      "{ args: [name, \u2026arguments], keys: [\u2026] }, of strings and Buffers",
      command
    );
  if (/\s/.test(String(args[0])))
    throw new InvalidOptionError(
      "command",
      "{ args: [name, \u2026arguments], keys: [\u2026] }, each argument by itself"
    );
  return command;
}
function checkTimeout(timeout) {
  if (!(typeof timeout === "number" && timeout > 0))
    throw new InvalidOptionError("timeout", "a number of ms above 0", timeout);
  return timeout;
}
var MAX_FACTOR = 2 ** 42;
var ERROR_NAMED_OBJECT = Buffer.from([
  212,
  101,
  0,
  146,
  166,
  ...Buffer.from("Object"),
  161,
  120
]);

// ../../packages/core/dist/internal.js
init_globals();
var RecentMap = class {
  #max;
  #maxBytes;
  #entries = /* @__PURE__ */ new Map();
  #bytes = 0;
  constructor({ max, maxBytes }) {
    this.#max = max;
    this.#maxBytes = maxBytes;
  }
  get size() {
    return this.#entries.size;
  }
  get(key) {
    return this.#entries.get(key)?.value;
  }
  /** Sets an entry. `valueBytes` is the size of the value, if that depends on a request as well. */
  set(key, value, valueBytes = 0) {
    this.delete(key);
    const bytes2 = key.length + valueBytes;
    if (bytes2 > this.#maxBytes) return;
    this.#entries.set(key, { value, bytes: bytes2 });
    this.#bytes += bytes2;
    while (this.#entries.size > this.#max || this.#bytes > this.#maxBytes)
      this.delete(this.#entries.keys().next().value);
  }
  delete(key) {
    const entry = this.#entries.get(key);
    if (entry === void 0) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
  clear() {
    this.#entries.clear();
    this.#bytes = 0;
  }
};
var Renewals = class {
  #deadlines = new Deadlines();
  start({ ttl, ttls, renew }) {
    let left = 3 * ttls;
    let next2;
    const schedule = () => {
      next2 = this.#deadlines.set(ttl / 3, renewAgain);
    };
    const renewAgain = () => {
      next2 = void 0;
      if (--left === 0) return;
      schedule();
      const isPastFirstTtl = 3 * ttls - left >= 3;
      renew(isPastFirstTtl).then(
        (held) => {
          if (!held) stop();
        },
        () => void 0
        // A renewal that fails is tried again.
      );
    };
    const stop = () => {
      left = 0;
      if (next2) this.#deadlines.done(next2);
      next2 = void 0;
    };
    schedule();
    return { stop };
  }
};
function plainEntryAccess(entries, { format: format2, needsLife }) {
  const { near } = entries;
  return {
    ...near && { near: (key) => near.get(key, format2) },
    read: needsLife ? (key) => entries.readWithLife(key, format2, "near") : (key) => entries.read(key, format2, "near"),
    lease: (key, request) => entries.lease(key, format2, request),
    fill: (key, token, value, storing) => entries.fill(key, format2, token, value, storing),
    renew: (key, token, ttl, yields) => entries.renew(key, token, ttl, yields),
    release: (key, token, skipFor) => entries.release(key, token, skipFor)
  };
}
function limitAccess(accessOf, max) {
  const limited2 = limitTo(max);
  return (key) => {
    const access = accessOf(key);
    return {
      ...access.near && { near: (nearKey) => access.near(nearKey) },
      unlimited: access,
      read: (...args) => limited2(() => access.read(...args)),
      lease: (...args) => limited2(() => access.lease(...args)),
      fill: (...args) => limited2(() => access.fill(...args)),
      renew: (...args) => limited2(() => access.renew(...args)),
      release: (...args) => limited2(() => access.release(...args))
    };
  };
}
function reportError(operation, key, error) {
  emit(channels.error, () => ({ operation, key, error }));
}
var BackgroundRefresh = class {
  #policy;
  #leasedLoad;
  #loads;
  #background;
  constructor(policy, leasedLoad, loads2, background) {
    this.#policy = policy;
    this.#leasedLoad = leasedLoad;
    this.#loads = loads2;
    this.#background = background;
  }
  /** Starts a reload of the entry, unless this process is already loading it. */
  start(request) {
    const { key } = request;
    if (this.#background.isRunning(key, this.#policy.leaseTtl) || this.#loads.isJoinable(key))
      return request.onDecided?.();
    this.#background.add(
      key,
      this.#reload(request).catch((error) => reportError("refresh", key, error))
    );
  }
  async #reload({ key, entry, access, load: load2, onDecided }) {
    const token = createToken();
    const answer = await access.lease(key, { token, ttl: this.#policy.leaseTtl, staleBelow: entry.life ?? 0 }).catch((error) => {
      onDecided?.();
      throw error;
    });
    if (answer.status !== "leased") return onDecided?.();
    await this.#leasedLoad.run({
      key,
      access,
      load: load2,
      abandoned: new LazySignal(),
      redisDown: false,
      token,
      staleFallback: answer.entry,
      fallbackValidUntil: 0,
      leased: true,
      closeToJoiners: () => void 0,
      background: true,
      bulk: onDecided !== void 0,
      outage: void 0
    });
  }
};
var BackgroundWork = class {
  #waitUntil;
  #pending = /* @__PURE__ */ new Set();
  /** When the latest work on each key began, by the monotonic clock. */
  #startedAt = /* @__PURE__ */ new Map();
  constructor(waitUntil) {
    this.#waitUntil = waitUntil;
  }
  /** Whether work on the key began less than `withinMs` ago and has not ended. */
  isRunning(key, withinMs) {
    return performance.now() < (this.#startedAt.get(key) ?? -Infinity) + withinMs;
  }
  /** Tracks work on a key until it ends. A rejection of the work is ignored. */
  add(key, loading) {
    const startedAt = performance.now();
    this.#startedAt.set(key, startedAt);
    const work = loading.catch(() => void 0).finally(() => {
      this.#pending.delete(work);
      if (this.#startedAt.get(key) === startedAt) this.#startedAt.delete(key);
    });
    this.#pending.add(work);
    try {
      this.#waitUntil?.(work);
    } catch (error) {
      reportError("waitUntil", key, error);
    }
  }
  /** Resolves once no work is pending. */
  async idle() {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }
};
var BulkLoad = class {
  #loadMany;
  #keys;
  #undecided;
  #nextCall;
  #lastCall;
  constructor(keys, loadMany) {
    this.#keys = keys;
    this.#undecided = new Set(keys);
    this.#loadMany = loadMany;
  }
  /** The other keys no longer wait for this one: it is not loaded here, or only later. */
  doNotWaitFor(key) {
    if (this.#undecided.delete(key) && this.#undecided.size === 0) this.#startCall();
  }
  /** Returns the loader of one key. */
  loader(key) {
    return (context) => {
      const isFirstLoad = this.#undecided.has(key);
      const call2 = this.#nextCall ??= new BulkCall();
      const value = call2.add(key, context);
      if (isFirstLoad) this.doNotWaitFor(key);
      else if (this.#undecided.size === 0) void setImmediate3().then(() => this.#startCall());
      return value;
    };
  }
  /**
   * Resolves once every key of the last call has its value or error. No caller joins these loads
   * from then on. Resolves at once if the call has not ended.
   */
  async delivered() {
    await this.#lastCall?.delivery;
  }
  #startCall() {
    const call2 = this.#nextCall;
    this.#nextCall = void 0;
    if (call2 === void 0) return;
    this.#lastCall = call2;
    void call2.run(this.#keys, this.#loadMany);
  }
};
var BulkCall = class {
  #contexts = /* @__PURE__ */ new Map();
  #results = /* @__PURE__ */ new Map();
  #controller = new AbortController();
  #abandoned = 0;
  /** Resolves once every key has its value or error; `undefined` until the call ends. */
  delivery;
  /**
   * Adds a key. Resolves to its value once the call has run. The signal of the call aborts when the
   * signals of all keys have.
   */
  add(key, context) {
    this.#contexts.set(key, context);
    onAbort2(context.signal, (reason) => {
      this.#abandoned++;
      if (this.#abandoned === this.#contexts.size) this.#controller.abort(reason);
    });
    const existing = this.#results.get(key);
    if (existing) return existing.promise;
    const result = createDeferred2();
    this.#results.set(key, result);
    return result.promise;
  }
  /** Loads the added keys in the order of `orderedKeys`. Never rejects. */
  async run(orderedKeys, loadMany) {
    const keys = orderedKeys.filter((key) => this.#contexts.has(key));
    const contexts = keys.map((key) => this.#contexts.get(key));
    let values;
    try {
      values = await loadMany(keys, { signal: this.#controller.signal, contexts });
    } catch (error) {
      return this.delivery = this.#deliver(keys, ({ reject }) => reject(error));
    }
    for (const value of values) if (value instanceof Promise) value.catch(() => void 0);
    return this.delivery = this.#deliver(keys, ({ resolve }, i) => resolve(values[i]));
  }
  /** Delivers over several turns of the event loop, because each caller does work in response. */
  async #deliver(keys, deliver) {
    for (const [i, key] of keys.entries()) {
      if (i > 0 && i % DELIVERED_PER_TURN === 0) await setImmediate3();
      deliver(this.#results.get(key), i);
    }
  }
};
function createDeferred2() {
  let resolve;
  let reject;
  const promise = new Promise((resolvePromise, rejectPromise) => {
    resolve = resolvePromise;
    reject = rejectPromise;
  });
  return { promise, resolve, reject };
}
var DELIVERED_PER_TURN = 100;
var REDIS_DOWN = /* @__PURE__ */ Symbol("Redis did not answer");
async function lookUp(key, access, policy) {
  try {
    return await access.read(key);
  } catch (error) {
    continueWithoutRedis(key, error, policy);
    return REDIS_DOWN;
  }
}
function continueWithoutRedis(key, error, policy) {
  reportError("read", key, error);
  if (policy.inOutage === "reject") throw error;
}
var BulkRead = class {
  #dependencies;
  #request;
  #accessOf;
  constructor(dependencies, request) {
    this.#dependencies = dependencies;
    this.#request = request;
    const { keys, accessOf } = request;
    const { atOnce } = dependencies.entries;
    this.#accessOf = keys.length > atOnce ? limitAccess(accessOf, atOnce) : accessOf;
  }
  /** Resolves to the values in the order of the keys. */
  async run() {
    const { prefix, policy, entries } = this.#dependencies;
    const { keys, outage } = this.#request;
    const nearEntries = entries.near && await this.#readNear();
    const lookups = await this.#lookUp(nearEntries);
    if (outage && lookups.includes(REDIS_DOWN)) outage.down = true;
    const values = new Array(keys.length);
    const slices = new Slices();
    const stale = /* @__PURE__ */ new Map();
    const missing2 = /* @__PURE__ */ new Map();
    for (let i = 0; i < keys.length; i++) {
      if (slices.over) await slices.next();
      const key = keys[i];
      const entry = lookups[i];
      const freshness = entry === void 0 || entry === REDIS_DOWN ? "missing" : policy.freshness(entry);
      if (freshness === "missing" || freshness === "fallback") {
        missing2.set(key, entry);
        continue;
      }
      values[i] = entry.value;
      if (freshness !== "fresh") stale.set(key, entry);
      emit(channels.hit, () => ({
        prefix,
        key,
        stale: freshness === "stale",
        layer: nearEntries?.[i] ? "near" : "redis"
      }));
    }
    if (stale.size > 0) await this.#refreshAll(stale);
    if (missing2.size === 0) return values;
    const loaded = await this.#loadAll(missing2);
    return keys.map((key, i) => missing2.has(key) ? loaded.get(key) : values[i]);
  }
  async #readNear() {
    const slices = new Slices();
    const nearEntries = [];
    for (const key of this.#request.keys) {
      if (slices.over) await slices.next();
      nearEntries.push(this.#accessOf(key).near?.(key));
    }
    return nearEntries;
  }
  /** Reads from Redis what the near cache does not have. */
  async #lookUp(nearEntries) {
    const { keys, outage } = this.#request;
    if (outage?.down) return keys.map((_, i) => nearEntries?.[i] ?? REDIS_DOWN);
    if (!nearEntries) return this.#readFromRedis(keys);
    const otherKeys = keys.filter((_, i) => nearEntries[i] === void 0);
    const lookups = otherKeys.length === 0 ? [] : await this.#readFromRedis(otherKeys);
    let next2 = 0;
    return nearEntries.map((entry) => entry ?? lookups[next2++]);
  }
  async #readFromRedis(keys) {
    const { entries, policy, plainAccess } = this.#dependencies;
    if (policy.needsLife || keys.some((key) => !isPlain3(this.#accessOf(key), plainAccess)))
      return startAll(keys, (key) => lookUp(key, this.#accessOf(key), policy));
    const found = await entries.readMany(keys, policy.format, "near");
    return found.map((entry, i) => {
      if (!(entry instanceof CacheError)) return entry;
      continueWithoutRedis(keys[i], entry, policy);
      return REDIS_DOWN;
    });
  }
  async #refreshAll(stale) {
    const { refresh } = this.#dependencies;
    const bulk = new BulkLoad([...stale.keys()], this.#request.loadMany);
    await startAll(
      stale,
      ([key, entry]) => refresh.start({
        key,
        entry,
        access: this.#accessOf(key),
        load: bulk.loader(key),
        onDecided: () => bulk.doNotWaitFor(key)
      })
    );
  }
  async #loadAll(missing2) {
    const { loads: loads2 } = this.#dependencies;
    const { loadMany, arrival, signal, outage } = this.#request;
    const bulk = new BulkLoad([...missing2.keys()], loadMany);
    const loading = startAll(missing2, async ([key, lookup]) => {
      try {
        const value = await loads2.load({
          key,
          access: this.#accessOf(key),
          arrival,
          load: bulk.loader(key),
          signal,
          redisDown: lookup === REDIS_DOWN,
          staleFallback: lookup === REDIS_DOWN ? void 0 : lookup,
          outage,
          onDecided: () => bulk.doNotWaitFor(key)
        });
        return [key, value];
      } finally {
        bulk.doNotWaitFor(key);
      }
    });
    try {
      return new Map(await loading);
    } catch (error) {
      await bulk.delivered();
      throw error;
    }
  }
};
async function startAll(items, start) {
  const slices = new Slices();
  const started = [];
  for (const item of items) {
    if (slices.over) await slices.next();
    const result = start(item);
    if (result instanceof Promise) result.catch(() => void 0);
    started.push(result);
  }
  return Promise.all(started);
}
function isPlain3(access, plainAccess) {
  return (access.unlimited ?? access) === plainAccess;
}
var LeasedLoad = class {
  #prefix;
  #policy;
  #clock;
  #errors;
  #renewals = new Renewals();
  constructor(prefix, policy, clock, errors) {
    this.#prefix = prefix;
    this.#policy = policy;
    this.#clock = clock;
    this.#errors = errors;
  }
  /**
   * Asks for the lease. While another process loads, waits for it as long as the policy allows.
   * `validUntil` is the last arrival that may use the answer.
   */
  async acquire({
    key,
    access,
    redisDown,
    token,
    abandoned,
    onDecided
  }) {
    const { leaseTtl, staleBelow, stampede, soft, waitFor } = this.#policy;
    const started = performance.now();
    const until = started + waitFor;
    const softUntil = started + (soft ?? Infinity);
    for (; ; ) {
      const validUntil = this.#clock.now;
      if (redisDown) return { start: { status: "down", entry: void 0 }, validUntil };
      try {
        const answer = await access.lease(key, {
          token,
          ttl: leaseTtl,
          staleBelow: staleBelow || -1,
          take: stampede !== "lease"
        });
        if (answer.status !== "wait") return { start: answer, validUntil };
        onDecided?.();
        const { entry } = answer;
        if (entry && performance.now() >= softUntil)
          return { start: { status: "stale", entry }, validUntil };
        const now = performance.now();
        const left = (entry ? Math.min(until, softUntil) : until) - now;
        if (left <= 0) return { start: { status: "bypass", entry }, validUntil };
        await setTimeout2(
          Math.max(1, Math.min(pauseAfter(now - started), answer.remaining + 1, left)),
          void 0,
          { signal: abandoned.signal }
        );
      } catch (error) {
        if (abandoned.aborted) throw abandoned.reason;
        reportError("lease", key, error);
        if (error instanceof ServerError && CANNOT_STORE.has(error.code)) {
          return { start: { status: "bypass", entry: void 0 }, validUntil };
        }
        if (this.#policy.inOutage === "reject") throw error;
        return { start: { status: "down", entry: void 0 }, validUntil };
      }
    }
  }
  /** Calls the loader, and stores its value if the lease is still held. */
  async run(job) {
    const { key, access, load: load2, token, staleFallback, leased, redisDown, abandoned } = job;
    const { closeToJoiners, outage } = job;
    const ttl = this.#policy.leaseTtl;
    const validUntil = this.#clock.now;
    let loaded;
    const stale = staleFallback && !staleFallback.absent ? staleFallback.value : void 0;
    const started = performance.now();
    const renew = (yields) => access.renew(key, token, ttl, yields);
    const ttls = job.bulk ? BULK_RENEWED_TTLS : RENEWED_TTLS;
    const renewal = leased ? this.#renewals.start({ ttl, ttls, renew }) : void 0;
    try {
      loaded = await callLoader({ key, load: load2, stale, abandoned, hard: this.#policy.hard });
      emit(channels.load, () => ({
        prefix: this.#prefix,
        key,
        ms: loaded.ms,
        background: job.background === true
      }));
    } catch (error) {
      emit(channels.load, () => ({
        prefix: this.#prefix,
        key,
        ms: performance.now() - started,
        background: job.background === true,
        error
      }));
      closeToJoiners();
      if (leased)
        this.#release(access, key, token, 0, (held2) => {
          if (!held2) this.#errors?.forget(key);
        });
      if (abandoned.aborted) throw error;
      if (staleFallback)
        return { value: staleFallback.value, validUntil: job.fallbackValidUntil, redisDown };
      this.#errors?.add(key, error);
      throw error;
    } finally {
      renewal?.stop();
    }
    closeToJoiners();
    const filledValidUntil = this.#clock.now;
    if (leased && outage?.down) this.#release(access, key, token, loaded.skipped ? SKIP_FOR_MS : 0);
    const held = leased && !outage?.down && await this.#fill(job, loaded);
    return { value: loaded.value, validUntil: held ? filledValidUntil : validUntil, redisDown };
  }
  /**
   * Ends the lease, and stores the value if it is to be cached. Resolves to whether the lease was
   * still held. It was not if an invalidation or a writer came first, or if Redis did not answer.
   */
  async #fill({ access, key, token, outage }, { value, ms, ttl, skipped }) {
    try {
      const storing = skipped ? void 0 : this.#policy.storing(value, { ttl, computeTime: ms });
      if (!storing) return await access.release(key, token, skipped ? SKIP_FOR_MS : 0);
      const stored = await access.fill(key, token, value, storing);
      emit(channels.fill, () => ({ prefix: this.#prefix, key, stored }));
      return stored;
    } catch (error) {
      reportError("fill", key, error);
      const isUnstorable = error instanceof CodecError;
      if (outage && isUnanswered(error)) outage.down = true;
      this.#release(access, key, token, isUnstorable ? SKIP_FOR_MS : 0);
      if (isUnstorable || isRedisTrouble(error)) return false;
      throw error;
    }
  }
  /** Releases the lease in the background. If the release gets lost, the lease expires. */
  #release(access, key, token, skipFor, onReleased) {
    access.release(key, token, skipFor).then(onReleased).catch((error) => reportError("release", key, error));
  }
};
function pauseAfter(waitedMs) {
  return Math.min(Math.max(5, waitedMs / 16), 100);
}
function isRedisTrouble(error) {
  return isUnanswered(error) || error instanceof ServerError;
}
function isUnanswered(error) {
  return error instanceof ConnectionError || error instanceof CommandTimeoutError;
}
var CANNOT_STORE = /* @__PURE__ */ new Set(["OOM", "MISCONF"]);
var SKIP_FOR_MS = 1e3;
var RENEWED_TTLS = 1;
var BULK_RENEWED_TTLS = 10;
var InFlightLoad = class {
  result;
  /** Aborts when no caller waits any more. */
  abandoned = new LazySignal();
  #joinableUntil;
  #waiting = 0;
  #overdue;
  constructor(joinableFor, start) {
    this.#joinableUntil = performance.now() + joinableFor;
    this.result = start(this);
    this.result.catch(() => void 0);
  }
  /** Whether other callers may still join. */
  get isJoinable() {
    return !this.abandoned.aborted && performance.now() < this.#joinableUntil;
  }
  /**
   * Waits as the caller that started the load. Rejects with the reason of `signal` as soon as it
   * aborts.
   */
  wait(signal) {
    this.#waiting++;
    return signal ? this.#orAborted(this.result, signal) : this.result;
  }
  /**
   * Waits as a caller that joined the load. Resolves to `undefined` if the load takes longer than
   * it is joinable. Rejects with the reason of `signal` as soon as it aborts.
   */
  async join(signal) {
    this.#waiting++;
    const resultOrOverdue = Promise.race([this.result, this.#overdue ??= this.#becomesOverdue()]);
    const result = await (signal ? this.#orAborted(resultOrOverdue, signal) : resultOrOverdue);
    if (result === void 0)
      this.#leave(
        new CacheError("The load takes too long. Its last caller has stopped waiting for it.", {
          code: "LOAD_OVERDUE"
        })
      );
    return result;
  }
  async #orAborted(result, signal) {
    const abort = rejectOnAbort(signal);
    try {
      return await Promise.race([result, abort.promise]);
    } finally {
      abort.stopListening();
      if (signal.aborted) this.#leave(signal.reason);
    }
  }
  #becomesOverdue() {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => resolve(void 0),
        Math.min(Math.max(0, this.#joinableUntil - performance.now()), MAX_TIMER_MS)
      );
      const clear = () => clearTimeout(timer);
      this.result.then(clear, clear);
    });
  }
  #leave(reason) {
    this.#waiting--;
    if (this.#waiting === 0) this.abandoned.abort(reason);
  }
};
function rejectOnAbort(signal) {
  let stopListening;
  const promise = new Promise((_, reject) => {
    stopListening = onAbort2(signal, reject);
  });
  return { promise, stopListening };
}
var MAX_TIMER_MS = 2 ** 31 - 1;
var LoadCoordinator = class {
  #prefix;
  #policy;
  #leasedLoad;
  #background;
  #missRate;
  #errors;
  #inFlight = /* @__PURE__ */ new Map();
  constructor({ prefix, policy, leasedLoad, background, missRate, errors }) {
    this.#prefix = prefix;
    this.#policy = policy;
    this.#leasedLoad = leasedLoad;
    this.#background = background;
    this.#missRate = missRate;
    this.#errors = errors;
  }
  /** Whether there is a load of the key that a caller can join. */
  isJoinable(key) {
    return this.#inFlight.size > 0 && this.#joinableLoad(key) !== void 0;
  }
  /** Joins the load of the key, or starts it, until a result is valid for this caller. */
  async load(request) {
    const { key, arrival, signal } = request;
    if (!request.unread) this.#emitMiss(key);
    let { redisDown } = request;
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted();
      let load2 = attempt < MAX_JOINS ? this.#joinableLoad(key) : void 0;
      let result;
      if (load2) {
        request.onDecided?.();
        result = await load2.join(signal);
        if (result === void 0) this.#remove(key, load2);
      } else {
        const remembered = this.#errors?.get(key);
        if (remembered && request.staleFallback) return request.staleFallback.value;
        if (remembered) throw remembered.error;
        load2 = this.#start({ ...request, redisDown });
        result = await load2.wait(signal);
      }
      if (result === void 0) continue;
      if (result.redisDown && request.outage) request.outage.down = true;
      if (arrival <= result.validUntil) return result.value;
      ({ redisDown } = result);
    }
  }
  /** Keeps later callers from joining the current loads of these keys, or of all keys. */
  forget(keys) {
    if (keys === "all") {
      this.#inFlight.clear();
      this.#errors?.clear();
      return;
    }
    for (const key of keys) {
      this.#inFlight.delete(key);
      this.#errors?.forget(key);
    }
  }
  #start(request) {
    const { key } = request;
    const load2 = new InFlightLoad(this.#policy.leaseTtl, (self) => {
      const remove2 = () => this.#remove(key, self);
      self.abandoned.onAbort(remove2);
      return this.#acquireAndLoad(request, self.abandoned, remove2).finally(remove2);
    });
    if (this.#policy.stampede !== "off") this.#inFlight.set(key, load2);
    return load2;
  }
  #joinableLoad(key) {
    const load2 = this.#inFlight.get(key);
    if (load2 === void 0 || load2.isJoinable) return load2;
    this.#inFlight.delete(key);
    return void 0;
  }
  #remove(key, load2) {
    if (this.#inFlight.get(key) === load2) this.#inFlight.delete(key);
  }
  async #acquireAndLoad(request, abandoned, closeToJoiners) {
    const { key, access, outage } = request;
    const token = createToken();
    const { start, validUntil } = await this.#leasedLoad.acquire({
      key,
      access,
      token,
      abandoned,
      redisDown: request.redisDown,
      onDecided: request.onDecided
    });
    if (request.unread) {
      this.#missRate.record(start.status !== "hit");
      if (start.status !== "hit") this.#emitMiss(key);
    }
    if (start.status === "hit") {
      request.onDecided?.();
      emit(channels.hit, () => ({ prefix: this.#prefix, key, stale: false, layer: "redis" }));
      return { value: start.entry.value, validUntil, redisDown: false };
    }
    const redisDown = start.status === "down";
    if (redisDown && outage) outage.down = true;
    if (start.status === "skip") closeToJoiners();
    if (start.status === "stale") return { value: start.entry.value, validUntil, redisDown };
    const staleFallback = start.entry;
    const loading = this.#leasedLoad.run({
      key,
      access,
      load: request.load,
      token,
      staleFallback,
      fallbackValidUntil: validUntil,
      leased: start.status === "leased",
      redisDown,
      abandoned,
      closeToJoiners,
      bulk: request.onDecided !== void 0,
      outage
    });
    return staleFallback && this.#policy.soft !== void 0 ? this.#orStale(loading, staleFallback, validUntil, key) : loading;
  }
  /** Resolves to the stale value after `loadTimeout.soft`, while the load goes on. */
  async #orStale(loading, staleFallback, validUntil, key) {
    const timer = new AbortController();
    const timeout = setTimeout2(this.#policy.soft, void 0, { signal: timer.signal }).then(
      () => void 0,
      () => void 0
    );
    const result = await Promise.race([loading, timeout]);
    timer.abort();
    if (result) return result;
    this.#background.add(key, loading);
    return { value: staleFallback.value, validUntil, redisDown: false };
  }
  #emitMiss(key) {
    emit(channels.miss, () => ({ prefix: this.#prefix, key }));
  }
};
var MAX_JOINS = 3;
var LogicalClock = class {
  #now = 0;
  /** The number of the latest arrival. */
  get now() {
    return this.#now;
  }
  /** Counts an arrival and returns its number. */
  tick() {
    return ++this.#now;
  }
};
var MissRate = class {
  #share = 0;
  record(missed) {
    this.#share += ((missed ? 1 : 0) - this.#share) / 16;
  }
  /** Whether most recent reads were misses. */
  get isHigh() {
    return this.#share > 0.5;
  }
};
var RememberedErrors = class {
  #ttl;
  #shouldRemember;
  #errors = new RecentMap({
    max: 1e3,
    maxBytes: 1024 ** 2
  });
  constructor(ttl, shouldRemember) {
    this.#ttl = ttl;
    this.#shouldRemember = shouldRemember;
  }
  add(key, error) {
    if (!this.#shouldRemember(error)) return;
    this.#errors.set(key, { error, until: performance.now() + jittered(this.#ttl, 0.1) });
  }
  get(key) {
    const remembered = this.#errors.get(key);
    if (remembered && performance.now() >= remembered.until) {
      this.#errors.delete(key);
      return void 0;
    }
    return remembered;
  }
  forget(key) {
    this.#errors.delete(key);
  }
  clear() {
    this.#errors.clear();
  }
};
var ReadPath = class {
  #client;
  #prefix;
  #policy;
  #plainAccess;
  #clock = new LogicalClock();
  #missRate = new MissRate();
  #background;
  #loads;
  #refresh;
  #hasRememberedErrors;
  constructor(client2, prefix, policy) {
    this.#client = client2;
    this.#prefix = prefix;
    this.#policy = policy;
    this.#plainAccess = plainEntryAccess(client2.entries, policy);
    const errors = policy.errorTtl === void 0 ? void 0 : new RememberedErrors(policy.errorTtl, (error) => !policy.retryOn(error));
    this.#hasRememberedErrors = errors !== void 0;
    const leasedLoad = new LeasedLoad(prefix, policy, this.#clock, errors);
    const background = this.#background = new BackgroundWork(policy.waitUntil);
    const missRate = this.#missRate;
    this.#loads = new LoadCoordinator({ prefix, policy, leasedLoad, background, missRate, errors });
    this.#refresh = new BackgroundRefresh(policy, leasedLoad, this.#loads, background);
  }
  /** Resolves to the value: cached, or loaded by this or another caller of any process. */
  async get(key, load2, signal, access = this.#plainAccess, outage) {
    signal?.throwIfAborted();
    const nearEntry = access.near?.(key);
    if (nearEntry !== void 0 && this.#canServe(key, nearEntry, access, load2, "near"))
      return nearEntry.value;
    const arrival = this.#clock.tick();
    let redisDown = false;
    let unread = false;
    let staleFallback;
    if (this.#loads.isJoinable(key)) {
    } else if (outage?.down) redisDown = true;
    else if (this.#leasesFirst()) unread = true;
    else {
      let entry;
      try {
        entry = await access.read(key);
      } catch (error) {
        continueWithoutRedis(key, error, this.#policy);
        if (outage) outage.down = true;
        redisDown = true;
      }
      if (!redisDown) this.#missRate.record(entry === void 0);
      if (entry !== void 0 && this.#canServe(key, entry, access, load2, "redis"))
        return entry.value;
      staleFallback = entry;
    }
    return this.#loads.load({
      key,
      access,
      arrival,
      load: load2,
      signal,
      redisDown,
      staleFallback,
      unread,
      outage
    });
  }
  /** Resolves to the values in the order of `keys`. Loads all missing ones together. */
  async getMany(keys, loadMany, signal, accessOf = () => this.#plainAccess, outage) {
    signal?.throwIfAborted();
    const read3 = new BulkRead(
      {
        prefix: this.#prefix,
        policy: this.#policy,
        entries: this.#client.entries,
        plainAccess: this.#plainAccess,
        loads: this.#loads,
        refresh: this.#refresh
      },
      { keys, loadMany, signal, accessOf, outage, arrival: this.#clock.tick() }
    );
    return read3.run();
  }
  /** Resolves to the cached value, fresh or stale, without loading. */
  async peek(key, access = this.#plainAccess, outage) {
    const entry = access.near?.(key) ?? (outage?.down ? REDIS_DOWN : await lookUp(key, access, this.#policy));
    if (outage && entry === REDIS_DOWN) outage.down = true;
    return entry === REDIS_DOWN || entry === void 0 ? void 0 : entry.value;
  }
  /**
   * Runs a change of these keys, or of all keys. Reads of this process that begin after the start
   * of the change, and again after its end, join no load that began earlier.
   */
  async changing(keys, change) {
    this.#loads.forget(keys);
    try {
      return await change();
    } finally {
      this.#loads.forget(keys);
    }
  }
  /** Resolves once no load goes on in the background. */
  idle() {
    return this.#background.idle();
  }
  /**
   * Whether to ask for the lease without reading first. The request for the lease returns the entry
   * if there is one, so each miss saves a round trip.
   */
  #leasesFirst() {
    return this.#missRate.isHigh && !this.#policy.needsLife && !this.#hasRememberedErrors && this.#policy.stampede !== "off";
  }
  /**
   * Whether the entry may be returned. Starts a reload in the background if it is stale, or soon
   * will be.
   */
  #canServe(key, entry, access, load2, layer) {
    const freshness = this.#policy.needsLife ? this.#policy.freshness(entry) : "fresh";
    if (freshness === "fallback") return false;
    if (freshness !== "fresh") this.#refresh.start({ key, entry, access, load: load2 });
    if (channels.hit.hasSubscribers)
      channels.hit.publish({ prefix: this.#prefix, key, stale: freshness === "stale", layer });
    return true;
  }
};

// ../../packages/aside/dist/index.js
var asideOptions = ["client", "prefix", "key", "intentTtl", ...loadPolicyOptions];
function createAside(options2) {
  return asideOf(checkOptions("createAside", options2, asideOptions), options2);
}
function asideOf(check, options2) {
  const client2 = checkClient(check);
  const prefix = checkPrefix("prefix", options2.prefix, client2.namespace);
  const keyOf = keyById(
    client2,
    prefix,
    check.function("key")
  );
  const keysOf = (ids) => Array.isArray(ids) ? ids.map((id) => keyOf(id)) : [keyOf(ids)];
  const intentTtl = check.duration("intentTtl", 5e3);
  const policy = new LoadPolicy(check, options2);
  const path = new ReadPath(client2, prefix, policy);
  const reads2 = readsById(path, keyOf);
  const { entries } = client2;
  return {
    getOrLoad: (id, load2, call2) => reads2.one(id, load2, call2),
    getOrLoadMany: reads2.many,
    peek: async (id) => path.peek(keyOf(id)),
    async set(id, value, { ttl } = {}) {
      const key = keyOf(id);
      const stored = policy.storing(value, {
        ttl: ttl === void 0 ? void 0 : parseDuration(ttl, "ttl")
      });
      return path.changing(
        [key],
        async () => stored ? entries.put(key, policy.format, value, stored) : (await entries.invalidate([key]), false)
      );
    },
    async invalidate(ids) {
      const keys = keysOf(ids);
      return path.changing(keys, () => entries.invalidate(keys));
    },
    async expire(ids) {
      const keys = keysOf(ids);
      return path.changing(keys, () => entries.expire(keys, policy.staleBelow));
    },
    async mutate(ids, change) {
      const keys = keysOf(ids);
      return path.changing(keys, () => writeSource(client2, { keys, intentTtl, change }));
    },
    async beginMutation(ids, mutationOptions) {
      const keys = keysOf(ids);
      return openMutation(client2, {
        keys,
        intentTtl,
        options: mutationOptions,
        around: (work) => path.changing(keys, work)
      });
    },
    idle: () => path.idle()
  };
}

// ../../packages/memory/dist/index.js
init_globals();
var import_luaparse = __toESM(require_luaparse(), 1);
var __defProp2 = Object.defineProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp2(target, name, { get: all[name], enumerable: true });
};
function toBytes(argument) {
  return (typeof argument === "string" ? Buffer.from(argument) : argument).toString("latin1");
}
function fromBytes(bytes2) {
  return Buffer.from(bytes2, "latin1").toString();
}
var inLaterTurn = typeof setImmediate === "function" ? setImmediate : throughMessages();
function throughMessages() {
  const queue2 = [];
  const { port1: port12, port2: port22 } = new MessageChannel();
  port12.addEventListener("message", () => queue2.shift()());
  port12.start();
  return (work) => {
    queue2.push(work);
    port22.postMessage(void 0);
  };
}
var Status = class {
  text;
  constructor(text2) {
    this.text = text2;
  }
};
var RedisError = class extends Error {
};
var OK = new Status("OK");
function wrongType() {
  return new RedisError("WRONGTYPE Operation against a key holding the wrong kind of value");
}
function syntaxError() {
  return new RedisError("ERR syntax error");
}
function notInteger() {
  return new RedisError("ERR value is not an integer or out of range");
}
var CommandQueue = class {
  #server;
  #timeout;
  #open = /* @__PURE__ */ new Set();
  #silentSince;
  isClosed = false;
  constructor(server, timeout) {
    this.#server = server;
    this.#timeout = timeout;
  }
  get silentFor() {
    return this.#silentSince === void 0 ? 0 : performance.now() - this.#silentSince;
  }
  send(commands, { timeout = this.#timeout, settle } = {}) {
    return Promise.all(
      commands.map(async (command, i) => {
        const reply = await this.#one(command, timeout);
        settle?.(i, reply);
        return reply;
      })
    );
  }
  #one(command, timeout) {
    if (this.isClosed) return Promise.resolve(closed(command));
    return new Promise((resolve) => {
      const asked = performance.now();
      let timer;
      let isSettled = false;
      const settle = (reply) => {
        if (isSettled) return;
        isSettled = true;
        clearTimeout(timer);
        this.#open.delete(settle);
        resolve(reply);
      };
      const tooLate = () => new CommandTimeoutError(
        `${described(command)} got no reply within ${timeout} ms.`,
        detailsOf(command)
      );
      this.#open.add(settle);
      if (timeout !== void 0)
        timer = setTimeout(() => inLaterTurn(() => settle(tooLate())), timeout);
      inLaterTurn(() => {
        const { silent, refused, slow = 0 } = this.#server.faults;
        if (refused)
          return settle(
            new ConnectionError(
              `${described(command)} was not sent: the connection was refused.`,
              detailsOf(command)
            )
          );
        if (silent) return void (this.#silentSince ??= asked);
        this.#silentSince = void 0;
        const run = () => {
          if (isSettled) return;
          const started = performance.now();
          this.#server.blocking(
            command.args.map(toBytes),
            (reply) => {
              if (timeout !== void 0 && performance.now() - started > timeout) settle(tooLate());
              else settle(fromServer(reply, command));
            },
            () => isSettled
          );
        };
        if (slow > 0) setTimeout(run, slow);
        else run();
      });
    });
  }
  close() {
    this.isClosed = true;
    for (const settle of [...this.#open]) settle(closed());
  }
};
function fromServer(reply, command) {
  if (reply instanceof RedisError) return serverError(reply, command);
  if (reply instanceof Status) return reply.text;
  if (typeof reply === "string")
    return command.binary ? Buffer.from(reply, "latin1") : fromBytes(reply);
  if (Array.isArray(reply))
    return reply.map((one) => fromServer(one, command));
  return reply;
}
function serverError(error, command) {
  return ServerError.fromReply(error.message, { ...detailsOf(command), args: command.args });
}
function described({ args, keys }) {
  return keys[0] === void 0 ? args[0] : `${args[0]} ${keys[0]}`;
}
function detailsOf({ args, keys }) {
  return { command: args[0], ...keys[0] !== void 0 && { key: keys[0] } };
}
function closed(command) {
  return new ConnectionError(
    "Nothing was sent: the driver was closed.",
    command ? detailsOf(command) : {}
  );
}
var MemorySubscription = class {
  channels;
  prefixes;
  invalidated;
  #server;
  #events;
  #onClose;
  #beats;
  constructor(server, channels2, events, { heartbeat, tracking } = {}, onClose) {
    this.channels = new Set(channels2.map(toBytes));
    this.prefixes = tracking?.prefixes.map(toBytes);
    this.invalidated = tracking && ((keys) => this.#deliver(() => events.invalidated?.(keys?.map(fromBytes))));
    this.#server = server;
    this.#events = events;
    this.#onClose = onClose;
    server.listeners.add(this);
    if (heartbeat !== void 0) {
      events.alive?.(performance.now());
      this.#beats = unref(setInterval(() => this.#beat(), heartbeat));
    }
  }
  message(channel2, payload) {
    this.#deliver(() => this.#events.message(fromBytes(channel2), fromBytes(payload)));
  }
  killed() {
    this.#events.gap();
    this.#deliver(() => this.#events.live());
  }
  async close() {
    clearInterval(this.#beats);
    this.#server.listeners.delete(this);
    this.#onClose();
  }
  /** In a later turn, as over a socket. */
  #deliver(what) {
    inLaterTurn(() => {
      if (this.#server.listeners.has(this)) what();
    });
  }
  #beat() {
    if (this.#server.faults.silent || this.#server.faults.refused) this.#events.gap();
    else this.#events.alive?.(performance.now());
  }
};
var Database = class {
  #stored = /* @__PURE__ */ new Map();
  #now;
  #lastPosition = 0;
  /** `now`: the server's clock, in ms. */
  constructor(now) {
    this.#now = now;
  }
  /** The value, if it has this type; `undefined`: there is none. @throws {RedisError} WRONGTYPE */
  get(key, type) {
    const found = this.#find(key);
    if (found === void 0) return void 0;
    if (found.type !== type) throw wrongType();
    return found.value;
  }
  /** The value, made by `create` where there is none. @throws {RedisError} WRONGTYPE */
  getOrCreate(key, type, create) {
    const found = this.get(key, type);
    if (found !== void 0) return found;
    const value = create();
    this.set(key, type, value);
    return value;
  }
  /** Puts a value in the place of whatever is there. */
  set(key, type, value, expires) {
    const position = this.#stored.get(key)?.position ?? ++this.#lastPosition;
    this.#stored.set(key, { type, value, expires, position });
  }
  /** Deletes the key if its value has no members left. */
  dropIfEmpty(key) {
    const found = this.#stored.get(key);
    if (found === void 0 || found.type === "string" || found.type === "stream") return;
    const value = found.value;
    if ((value.size ?? value.length) === 0) this.#stored.delete(key);
  }
  typeOf(key) {
    return this.#find(key)?.type;
  }
  delete(key) {
    return this.#find(key) !== void 0 && this.#stored.delete(key);
  }
  has(key) {
    return this.#find(key) !== void 0;
  }
  /** When the key expires; `undefined`: never. */
  expiresAt(key) {
    return this.#find(key)?.expires;
  }
  expireAt(key, at) {
    const found = this.#find(key);
    if (found === void 0) return false;
    if (at !== void 0 && at <= this.#now()) this.#stored.delete(key);
    else found.expires = at;
    return true;
  }
  keys() {
    return [...this.#stored.keys()].filter((key) => this.has(key));
  }
  /**
   * A page of keys after a position (0: from the first key), and the position to continue after (0:
   * that was the last page). A key that exists throughout a scan is in one of its pages, even if
   * other keys are created and deleted between them.
   */
  page(after2, count2) {
    const keys = [];
    let last = 0;
    for (const [key, { position }] of this.#stored) {
      if (position <= after2) continue;
      if (keys.length === count2) return { keys, next: last };
      if (!this.has(key)) continue;
      keys.push(key);
      last = position;
    }
    return { keys, next: 0 };
  }
  get size() {
    return this.#stored.size;
  }
  clear() {
    this.#stored.clear();
  }
  #find(key) {
    const found = this.#stored.get(key);
    if (found?.expires === void 0 || found.expires > this.#now()) return found;
    this.#stored.delete(key);
    return void 0;
  }
};
function integer(text2) {
  if (text2 === void 0 || !/^-?\d{1,19}$/.test(text2)) throw notInteger();
  return Number(text2);
}
function score(text2) {
  const trimmed = (text2 ?? "").toLowerCase();
  if (/^[+-]?inf(inity)?$/.test(trimmed)) return trimmed.startsWith("-") ? -Infinity : Infinity;
  const number3 = Number(trimmed);
  if (trimmed === "" || Number.isNaN(number3)) throw new RedisError("ERR value is not a valid float");
  return number3;
}
function formatScore(value) {
  if (value === Infinity) return "inf";
  if (value === -Infinity) return "-inf";
  if (Number.isInteger(value) && Math.abs(value) < 1e17) return String(value);
  return String(value);
}
function scoreBound(text2) {
  const isOpen = text2?.startsWith("(") ?? false;
  let bound2;
  try {
    bound2 = score(isOpen ? text2.slice(1) : text2);
  } catch {
    throw new RedisError("ERR min or max is not a float");
  }
  return (value, isLower) => {
    if (isOpen) return isLower ? value > bound2 : value < bound2;
    return isLower ? value >= bound2 : value <= bound2;
  };
}
var OptionReader = class {
  #args;
  #at;
  constructor(args, from) {
    this.#args = args;
    this.#at = from;
  }
  get isAtEnd() {
    return this.#at >= this.#args.length;
  }
  get position() {
    return this.#at;
  }
  /** The next word, in upper case; it counts as read only by `take`. */
  peek() {
    return (this.#args[this.#at] ?? "").toUpperCase();
  }
  take() {
    if (this.isAtEnd) throw syntaxError();
    return this.#args[this.#at++];
  }
  /** Whether the next word is this one; then it is read. */
  takeIf(word) {
    if (this.peek() !== word) return false;
    this.#at++;
    return true;
  }
};
function positions(length, from, to) {
  const start = Math.max(from < 0 ? length + from : from, 0);
  const end = Math.min(to < 0 ? length + to : to, length - 1) + 1;
  return [start, Math.max(start, end)];
}
function reads(least, run) {
  return { least, run };
}
function exactly(spec) {
  return { ...spec, most: spec.least };
}
function grows(least, run) {
  return { least, writes: true, grows: true, run };
}
function changes(least, run) {
  return { least, writes: true, run };
}
function hashOf({ database }, key) {
  return database.getOrCreate(key, "hash", () => /* @__PURE__ */ new Map());
}
function setFields(context, [key, ...pairs]) {
  if (pairs.length % 2 !== 0)
    throw new RedisError("ERR wrong number of arguments for 'hset' command");
  const hash = hashOf(context, key);
  const before = hash.size;
  for (let i = 0; i < pairs.length; i += 2) hash.set(pairs[i], pairs[i + 1]);
  context.changed(key);
  return hash.size - before;
}
var hashCommands = {
  HGET: reads(2, ({ database }, [key, field]) => database.get(key, "hash")?.get(field) ?? null),
  HMGET: reads(2, ({ database }, [key, ...fields]) => {
    const hash = database.get(key, "hash");
    return fields.map((field) => hash?.get(field) ?? null);
  }),
  HGETALL: reads(1, ({ database }, [key]) => [...database.get(key, "hash") ?? []].flat()),
  HKEYS: reads(1, ({ database }, [key]) => [...database.get(key, "hash")?.keys() ?? []]),
  HVALS: reads(1, ({ database }, [key]) => [...database.get(key, "hash")?.values() ?? []]),
  HLEN: reads(1, ({ database }, [key]) => database.get(key, "hash")?.size ?? 0),
  HEXISTS: reads(
    2,
    ({ database }, [key, field]) => database.get(key, "hash")?.has(field) ? 1 : 0
  ),
  HSET: grows(3, setFields),
  HMSET: grows(3, (context, args) => (setFields(context, args), OK)),
  HSETNX: grows(3, (context, [key, field, value]) => {
    if (context.database.get(key, "hash")?.has(field)) return 0;
    return setFields(context, [key, field, value]);
  }),
  HINCRBY: grows(3, (context, [key, field, by]) => {
    const before = context.database.get(key, "hash")?.get(field) ?? "0";
    if (!/^-?\d{1,19}$/.test(before)) throw new RedisError("ERR hash value is not an integer");
    const sum = BigInt(before) + BigInt(integer(by));
    setFields(context, [key, field, String(sum)]);
    return Number(sum);
  }),
  HDEL: changes(2, (context, [key, ...fields]) => {
    const hash = context.database.get(key, "hash");
    const deleted = fields.filter((field) => hash?.delete(field)).length;
    context.database.dropIfEmpty(key);
    if (deleted > 0) context.changed(key);
    return deleted;
  })
};
var SortedSet = class {
  #scores = /* @__PURE__ */ new Map();
  #sorted;
  get size() {
    return this.#scores.size;
  }
  score(member) {
    return this.#scores.get(member);
  }
  set(member, score2) {
    if (this.#scores.get(member) === score2) return;
    this.#scores.set(member, score2);
    this.#sorted = void 0;
  }
  delete(member) {
    this.#sorted = void 0;
    return this.#scores.delete(member);
  }
  /** All of them, sorted. */
  entries() {
    return this.#sorted ??= [...this.#scores].sort(
      ([a, x2], [b, y]) => x2 - y || (a < b ? -1 : a > b ? 1 : 0)
    );
  }
};
function globToRegExp(pattern) {
  let source = "";
  for (let i = 0; i < pattern.length; i++) {
    const one = pattern[i];
    if (one === "*") source += "[\\s\\S]*";
    else if (one === "?") source += "[\\s\\S]";
    else if (one === "\\" && i + 1 < pattern.length) source += escaped(pattern[++i]);
    else if (one === "[") {
      const isNegated = pattern[i + 1] === "^";
      let members = "";
      for (i += isNegated ? 2 : 1; i < pattern.length && pattern[i] !== "]"; i++) {
        if (pattern[i] === "\\" && i + 1 < pattern.length) members += escaped(pattern[++i]);
        else members += pattern[i] === "-" ? "-" : escaped(pattern[i]);
      }
      source += members === "" ? "(?!)" : `[${isNegated ? "^" : ""}${members}]`;
    } else source += escaped(one);
  }
  return new RegExp(`^${source}$`);
}
function escaped(text2) {
  return text2.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
function expire(context, [key, time, ...flags], unit, from) {
  const { database } = context;
  const at = from + integer(time) * unit;
  const old = database.expiresAt(key);
  for (const flag of flags.map((one) => one.toUpperCase())) {
    if (flag === "NX" && old !== void 0) return 0;
    if (flag === "XX" && old === void 0) return 0;
    if (flag === "GT" && (old === void 0 || at <= old)) return 0;
    if (flag === "LT" && old !== void 0 && at >= old) return 0;
  }
  if (!database.expireAt(key, at)) return 0;
  context.changed(key);
  return 1;
}
function lifetime({ database, now }, key) {
  if (!database.has(key)) return -2;
  const at = database.expiresAt(key);
  return at === void 0 ? -1 : at - now();
}
function remove(context, keys) {
  const removed = keys.filter((key) => context.database.delete(key));
  for (const key of removed) context.changed(key);
  return removed.length;
}
function scan({ database }, [cursor, ...rest]) {
  const options2 = new OptionReader(rest, 0);
  let [pattern, count2, type] = [
    void 0,
    10,
    void 0
  ];
  while (!options2.isAtEnd) {
    if (options2.takeIf("MATCH")) pattern = globToRegExp(options2.take());
    else if (options2.takeIf("COUNT")) count2 = integer(options2.take());
    else if (options2.takeIf("TYPE")) type = options2.take().toLowerCase();
    else throw syntaxError();
  }
  const { keys, next: next2 } = database.page(integer(cursor), count2);
  return [
    String(next2),
    keys.filter(
      (key) => (!pattern || pattern.test(key)) && (!type || database.typeOf(key) === type)
    )
  ];
}
function dump({ database }, key) {
  const type = database.typeOf(key);
  if (type === void 0) return null;
  const value = database.get(key, type);
  const plain = type === "zset" ? value.entries() : value instanceof Map || value instanceof Set ? [...value] : value;
  if (type === "stream") throw new RedisError("ERR DUMP of streams is not supported in memory");
  return JSON.stringify(
    [type, plain],
    (_, item) => item === Infinity ? "inf" : item === -Infinity ? "-inf" : item
  );
}
function restore(context, [key, ttl, dumped, ...flags]) {
  const { database, now } = context;
  if (database.has(key) && !flags.some((flag) => flag.toUpperCase() === "REPLACE"))
    throw new RedisError("BUSYKEY Target key name already exists.");
  let [type, plain] = ["", void 0];
  try {
    ;
    [type, plain] = JSON.parse(dumped);
  } catch {
    throw new RedisError("ERR DUMP payload version or checksum are wrong");
  }
  const expires = integer(ttl) > 0 ? flags.some((flag) => flag.toUpperCase() === "ABSTTL") ? integer(ttl) : now() + integer(ttl) : void 0;
  if (type === "string") database.set(key, "string", plain, expires);
  else if (type === "list") database.set(key, "list", plain, expires);
  else if (type === "hash")
    database.set(key, "hash", new Map(plain), expires);
  else if (type === "set") database.set(key, "set", new Set(plain), expires);
  else {
    const set2 = database.getOrCreate(key, "zset", () => new SortedSet());
    for (const [member, value] of plain)
      set2.set(member, value === "inf" ? Infinity : value === "-inf" ? -Infinity : value);
    database.expireAt(key, expires);
  }
  context.changed(key);
  return OK;
}
var keyCommands = {
  DEL: changes(1, remove),
  UNLINK: changes(1, remove),
  EXISTS: reads(1, ({ database }, keys) => keys.filter((key) => database.has(key)).length),
  TYPE: reads(1, (context, [key]) => new Status(context.database.typeOf(key) ?? "none")),
  PTTL: reads(1, (context, [key]) => lifetime(context, key)),
  TTL: reads(1, (context, [key]) => {
    const left = lifetime(context, key);
    return left < 0 ? left : Math.round(left / 1e3);
  }),
  PEXPIRETIME: reads(
    1,
    ({ database }, [key]) => database.has(key) ? database.expiresAt(key) ?? -1 : -2
  ),
  PEXPIRE: changes(2, (context, args) => expire(context, args, 1, context.now())),
  EXPIRE: changes(2, (context, args) => expire(context, args, 1e3, context.now())),
  PEXPIREAT: changes(2, (context, args) => expire(context, args, 1, 0)),
  PERSIST: changes(1, (context, [key]) => {
    if (context.database.expiresAt(key) === void 0) return 0;
    context.database.expireAt(key, void 0);
    context.changed(key);
    return 1;
  }),
  SCAN: reads(1, scan),
  KEYS: reads(1, ({ database }, [pattern]) => {
    const matches = globToRegExp(pattern);
    return database.keys().filter((key) => matches.test(key));
  }),
  DUMP: reads(1, (context, [key]) => dump(context, key)),
  RESTORE: grows(3, restore)
};
function push(context, [key, ...items], how) {
  const list = context.database.getOrCreate(key, "list", () => []);
  for (const item of items) list[how](item);
  context.changed(key);
  return list.length;
}
function pop(context, key, how) {
  const item = context.database.get(key, "list")?.[how]() ?? null;
  if (item === null) return null;
  context.database.dropIfEmpty(key);
  context.changed(key);
  return item;
}
function popMany(context, key, count2, how) {
  if (count2 === void 0) return pop(context, key, how);
  const items = [];
  for (let i = integer(count2); i > 0; i--) {
    const item = pop(context, key, how);
    if (item === null) break;
    items.push(item);
  }
  return items.length > 0 ? items : null;
}
var listCommands = {
  LPUSH: grows(2, (context, args) => push(context, args, "unshift")),
  RPUSH: grows(2, (context, args) => push(context, args, "push")),
  LPOP: changes(1, (context, [key, count2]) => popMany(context, key, count2, "shift")),
  RPOP: changes(1, (context, [key, count2]) => popMany(context, key, count2, "pop")),
  LLEN: reads(1, ({ database }, [key]) => database.get(key, "list")?.length ?? 0),
  LRANGE: reads(3, ({ database }, [key, from, to]) => {
    const list = database.get(key, "list") ?? [];
    return list.slice(...positions(list.length, integer(from), integer(to)));
  }),
  LTRIM: changes(3, (context, [key, from, to]) => {
    const list = context.database.get(key, "list");
    if (list === void 0) return OK;
    const kept = list.slice(...positions(list.length, integer(from), integer(to)));
    list.splice(0, list.length, ...kept);
    context.database.dropIfEmpty(key);
    context.changed(key);
    return OK;
  }),
  LREM: changes(3, (context, [key, count2, item]) => {
    const list = context.database.get(key, "list") ?? [];
    const most = Math.abs(integer(count2)) || Infinity;
    const order = [...list.keys()].filter((i) => list[i] === item);
    const gone = (integer(count2) < 0 ? order.reverse() : order).slice(0, most);
    for (const i of gone.sort((a, b) => b - a)) list.splice(i, 1);
    context.database.dropIfEmpty(key);
    if (gone.length > 0) context.changed(key);
    return gone.length;
  })
};
var setCommands = {
  SADD: grows(2, (context, [key, ...members]) => {
    const set2 = context.database.getOrCreate(key, "set", () => /* @__PURE__ */ new Set());
    const before = set2.size;
    for (const member of members) set2.add(member);
    context.changed(key);
    return set2.size - before;
  }),
  SREM: changes(2, (context, [key, ...members]) => {
    const set2 = context.database.get(key, "set");
    const removed = members.filter((member) => set2?.delete(member)).length;
    context.database.dropIfEmpty(key);
    if (removed > 0) context.changed(key);
    return removed;
  }),
  SMEMBERS: reads(1, ({ database }, [key]) => [...database.get(key, "set") ?? []]),
  SCARD: reads(1, ({ database }, [key]) => database.get(key, "set")?.size ?? 0),
  SISMEMBER: reads(
    2,
    ({ database }, [key, member]) => database.get(key, "set")?.has(member) ? 1 : 0
  )
};
function entriesOf({ database }, key) {
  return database.get(key, "zset")?.entries() ?? [];
}
function add(context, args) {
  const options2 = new OptionReader(args, 1);
  const flags = /* @__PURE__ */ new Set();
  while (["NX", "XX", "GT", "LT", "CH", "INCR"].includes(options2.peek()))
    flags.add(options2.take().toUpperCase());
  const pairs = args.slice(options2.position);
  if (pairs.length === 0 || pairs.length % 2 !== 0) throw syntaxError();
  const scores = pairs.filter((_, i) => i % 2 === 0).map(score);
  const key = args[0];
  const set2 = context.database.get(key, "zset") ?? new SortedSet();
  const before = set2.size;
  let [changed, sum] = [0, null];
  for (const [i, given] of scores.entries()) {
    const member = pairs[2 * i + 1];
    const old = set2.score(member);
    if (flags.has("NX") && old !== void 0 || flags.has("XX") && old === void 0) continue;
    const next2 = flags.has("INCR") ? (old ?? 0) + given : given;
    if (Number.isNaN(next2)) throw new RedisError("ERR resulting score is not a number (NaN)");
    if (old !== void 0 && (flags.has("GT") && next2 <= old || flags.has("LT") && next2 >= old))
      continue;
    if (old !== next2) changed++;
    set2.set(member, next2);
    sum = next2;
  }
  if (set2.size > 0 && before === 0)
    context.database.set(key, "zset", set2, context.database.expiresAt(key));
  if (changed > 0) context.changed(key);
  if (flags.has("INCR")) return sum === null ? null : formatScore(sum);
  return flags.has("CH") ? changed : set2.size - before;
}
function within(entries, low, high) {
  const [from, to] = [scoreBound(low), scoreBound(high)];
  return entries.filter(([, value]) => from(value, true) && to(value, false));
}
function written(entries, withScores) {
  return entries.flatMap(
    ([member, value]) => withScores ? [member, formatScore(value)] : [member]
  );
}
function limited(entries, offset, count2) {
  return entries.slice(offset, count2 < 0 ? void 0 : offset + count2);
}
function byScore(context, [key, a, b, ...rest], isReversed) {
  const options2 = new OptionReader(rest, 0);
  let [offset, count2, withScores] = [0, -1, false];
  while (!options2.isAtEnd) {
    if (options2.takeIf("WITHSCORES")) withScores = true;
    else if (options2.takeIf("LIMIT"))
      [offset, count2] = [integer(options2.take()), integer(options2.take())];
    else throw syntaxError();
  }
  const found = isReversed ? within(entriesOf(context, key), b, a).toReversed() : within(entriesOf(context, key), a, b);
  return written(limited(found, offset, count2), withScores);
}
function range(context, [key, a, b, ...rest]) {
  const options2 = new OptionReader(rest, 0);
  let [isByScore, isReversed, withScores, offset, count2] = [false, false, false, 0, -1];
  while (!options2.isAtEnd) {
    if (options2.takeIf("BYSCORE")) isByScore = true;
    else if (options2.takeIf("REV")) isReversed = true;
    else if (options2.takeIf("WITHSCORES")) withScores = true;
    else if (options2.takeIf("LIMIT"))
      [offset, count2] = [integer(options2.take()), integer(options2.take())];
    else throw syntaxError();
  }
  const all = entriesOf(context, key);
  if (isByScore) {
    const found = isReversed ? within(all, b, a).toReversed() : within(all, a, b);
    return written(limited(found, offset, count2), withScores);
  }
  const ordered = isReversed ? all.toReversed() : all;
  return written(ordered.slice(...positions(all.length, integer(a), integer(b))), withScores);
}
function removeAll(context, key, entries) {
  const set2 = context.database.get(key, "zset");
  for (const [member] of entries) set2.delete(member);
  context.database.dropIfEmpty(key);
  if (entries.length > 0) context.changed(key);
  return entries.length;
}
var sortedSetCommands = {
  ZADD: grows(3, add),
  ZINCRBY: grows(3, (context, [key, by, member]) => add(context, [key, "INCR", by, member])),
  ZSCORE: reads(2, ({ database }, [key, member]) => {
    const found = database.get(key, "zset")?.score(member);
    return found === void 0 ? null : formatScore(found);
  }),
  ZMSCORE: reads(
    2,
    ({ database }, [key, ...members]) => members.map((member) => {
      const found = database.get(key, "zset")?.score(member);
      return found === void 0 ? null : formatScore(found);
    })
  ),
  ZCARD: reads(1, ({ database }, [key]) => database.get(key, "zset")?.size ?? 0),
  ZCOUNT: reads(
    3,
    (context, [key, low, high]) => within(entriesOf(context, key), low, high).length
  ),
  ZRANK: reads(2, (context, [key, member]) => {
    const rank = entriesOf(context, key).findIndex(([one]) => one === member);
    return rank < 0 ? null : rank;
  }),
  ZREVRANK: reads(2, (context, [key, member]) => {
    const rank = entriesOf(context, key).toReversed().findIndex(([one]) => one === member);
    return rank < 0 ? null : rank;
  }),
  ZRANGE: reads(3, range),
  ZREVRANGE: reads(
    3,
    (context, [key, a, b, ...rest]) => range(context, [key, a, b, "REV", ...rest])
  ),
  ZRANGEBYSCORE: reads(3, (context, args) => byScore(context, args, false)),
  ZREVRANGEBYSCORE: reads(3, (context, args) => byScore(context, args, true)),
  ZREM: changes(2, (context, [key, ...members]) => {
    const set2 = context.database.get(key, "zset");
    const removed = members.filter((member) => set2?.delete(member)).length;
    context.database.dropIfEmpty(key);
    if (removed > 0) context.changed(key);
    return removed;
  }),
  ZREMRANGEBYSCORE: changes(
    3,
    (context, [key, low, high]) => removeAll(context, key, within(entriesOf(context, key), low, high))
  ),
  ZREMRANGEBYRANK: changes(3, (context, [key, from, to]) => {
    const all = entriesOf(context, key);
    return removeAll(context, key, all.slice(...positions(all.length, integer(from), integer(to))));
  }),
  ZPOPMIN: changes(1, (context, [key, count2 = "1"]) => {
    const found = entriesOf(context, key).slice(0, integer(count2));
    removeAll(context, key, found);
    return written(found, true);
  })
};
var LOWEST = { ms: 0n, seq: 0n };
var MAX = 2n ** 64n - 1n;
var HIGHEST = { ms: MAX, seq: MAX };
function compareIds(a, b) {
  return a.ms === b.ms ? a.seq === b.seq ? 0 : a.seq < b.seq ? -1 : 1 : a.ms < b.ms ? -1 : 1;
}
function formatId({ ms, seq }) {
  return `${ms}-${seq}`;
}
function parseId(text2, seq) {
  const found = /^(\d{1,20})(?:-(\d{1,20}))?$/.exec(text2);
  const id = found && {
    ms: BigInt(found[1]),
    seq: found[2] === void 0 ? seq : BigInt(found[2])
  };
  if (!id || id.ms > MAX || id.seq > MAX)
    throw new RedisError("ERR Invalid stream ID specified as stream command argument");
  return id;
}
function after({ ms, seq }) {
  if (seq < MAX) return { ms, seq: seq + 1n };
  if (ms === MAX)
    throw new RedisError(
      "ERR The stream has exhausted the last possible ID, unable to add more items"
    );
  return { ms: ms + 1n, seq: 0n };
}
var Stream = class {
  entries = [];
  last = LOWEST;
  added = 0;
  get length() {
    return this.entries.length;
  }
  /**
   * Appends an entry with the id `wanted`: `*`, `<ms>-*` or a whole id.
   *
   * @throws {RedisError} if it is not greater than the last one.
   */
  append(wanted, fields, now) {
    const id = this.#idOf(wanted, now);
    if (compareIds(id, this.last) <= 0) {
      const why = compareIds(id, LOWEST) === 0 ? "must be greater than 0-0" : "is equal or smaller than the target stream top item";
      throw new RedisError(`ERR The ID specified in XADD ${why}`);
    }
    this.entries.push({ id, fields });
    this.last = id;
    this.added++;
    return id;
  }
  #idOf(wanted, now) {
    if (wanted === "*") {
      const id = { ms: BigInt(now), seq: 0n };
      return compareIds(id, this.last) > 0 ? id : after(this.last);
    }
    const auto = /^(\d{1,20})-\*$/.exec(wanted);
    if (!auto) {
      if (compareIds(this.last, HIGHEST) === 0) after(this.last);
      return parseId(wanted, 0n);
    }
    const ms = BigInt(auto[1]);
    return ms === this.last.ms ? after(this.last) : { ms, seq: 0n };
  }
  /** Entries from one id to another, both included. */
  range(from, to) {
    return this.entries.filter(({ id }) => compareIds(id, from) >= 0 && compareIds(id, to) <= 0);
  }
  delete(ids) {
    const before = this.entries.length;
    this.entries = this.entries.filter(({ id }) => !ids.some((one) => compareIds(one, id) === 0));
    return before - this.entries.length;
  }
  /** Keeps the newest. Returns how many are gone. */
  trim(most) {
    return this.entries.splice(0, Math.max(0, this.entries.length - most)).length;
  }
};
var MAX_SEQUENCE = 2n ** 64n - 1n;
function add2(context, args) {
  const key = args[0];
  const options2 = new OptionReader(args, 1);
  let [creates, most] = [true, void 0];
  for (; ; ) {
    if (options2.takeIf("NOMKSTREAM")) creates = false;
    else if (options2.takeIf("MAXLEN")) {
      if (!options2.takeIf("~")) options2.takeIf("=");
      most = integer(options2.take());
    } else break;
  }
  const id = options2.take();
  const fields = args.slice(options2.position);
  if (fields.length === 0 || fields.length % 2 !== 0)
    throw new RedisError("ERR wrong number of arguments for 'xadd' command");
  if (id !== "*" && !/^\d{1,20}-\*$/.test(id) && compareIds(parseId(id, 0n), LOWEST) === 0)
    throw new RedisError("ERR The ID specified in XADD must be greater than 0-0");
  const found = context.database.get(key, "stream");
  if (found === void 0 && !creates) return null;
  const stream = found ?? new Stream();
  const added = stream.append(id, fields, context.now());
  if (found === void 0) context.database.set(key, "stream", stream);
  if (most !== void 0) stream.trim(most);
  context.changed(key);
  return formatId(added);
}
function bound(text2, end) {
  if (text2 === "-") return { id: LOWEST, isOpen: false };
  if (text2 === "+") return { id: HIGHEST, isOpen: false };
  const isOpen = text2.startsWith("(");
  return { id: parseId(isOpen ? text2.slice(1) : text2, end === "start" ? 0n : MAX_SEQUENCE), isOpen };
}
function written2(entries) {
  return entries.map(({ id, fields }) => [formatId(id), [...fields]]);
}
function range2({ database }, key, low, high, rest, isReversed) {
  const [from, to] = [bound(low, "start"), bound(high, "end")];
  const found = (database.get(key, "stream")?.range(from.id, to.id) ?? []).filter(
    ({ id }) => !(from.isOpen && compareIds(id, from.id) === 0) && !(to.isOpen && compareIds(id, to.id) === 0)
  );
  if (isReversed) found.reverse();
  return written2(rest[0]?.toUpperCase() === "COUNT" ? found.slice(0, integer(rest[1])) : found);
}
function read({ database }, args) {
  const options2 = new OptionReader(args, 0);
  let count2 = Infinity;
  while (!options2.takeIf("STREAMS")) {
    if (options2.takeIf("COUNT")) count2 = integer(options2.take());
    else if (options2.takeIf("BLOCK")) options2.take();
    else throw syntaxError();
  }
  const rest = args.slice(options2.position);
  const keys = rest.slice(0, rest.length / 2);
  const replies = keys.flatMap((key, i) => {
    const stream = database.get(key, "stream");
    const after2 = rest[keys.length + i];
    if (stream === void 0 || after2 === "$") return [];
    const from = parseId(after2, 0n);
    const found = stream.entries.filter(({ id }) => compareIds(id, from) > 0).slice(0, count2);
    return found.length > 0 ? [[key, written2(found)]] : [];
  });
  return replies.length > 0 ? replies : null;
}
var streamCommands = {
  XADD: grows(4, add2),
  XLEN: reads(1, ({ database }, [key]) => database.get(key, "stream")?.length ?? 0),
  XRANGE: reads(
    3,
    (context, [key, from, to, ...rest]) => range2(context, key, from, to, rest, false)
  ),
  XREVRANGE: reads(
    3,
    (context, [key, to, from, ...rest]) => range2(context, key, from, to, rest, true)
  ),
  XREAD: reads(3, read),
  XDEL: changes(2, (context, [key, ...ids]) => {
    const deleted = context.database.get(key, "stream")?.delete(ids.map((id) => parseId(id, 0n))) ?? 0;
    if (deleted > 0) context.changed(key);
    return deleted;
  }),
  XTRIM: changes(3, (context, args) => {
    const options2 = new OptionReader(args, 1);
    if (!options2.takeIf("MAXLEN")) throw syntaxError();
    if (!options2.takeIf("~")) options2.takeIf("=");
    return context.database.get(args[0], "stream")?.trim(integer(options2.take())) ?? 0;
  }),
  XSETID: changes(2, ({ database }, [key, id]) => {
    const stream = database.get(key, "stream");
    if (stream === void 0) throw new RedisError("ERR no such key");
    const last = parseId(id, 0n);
    const top = stream.entries.at(-1);
    if (top && compareIds(last, top.id) < 0)
      throw new RedisError(
        "ERR The ID specified in XSETID is smaller than the target stream top item"
      );
    stream.last = last;
    return OK;
  }),
  XINFO: reads(2, ({ database }, [what, key]) => {
    if (what.toUpperCase() !== "STREAM") throw syntaxError();
    const stream = database.get(key, "stream");
    if (stream === void 0) throw new RedisError("ERR no such key");
    return [
      "length",
      stream.length,
      "last-generated-id",
      formatId(stream.last),
      "entries-added",
      stream.added,
      "groups",
      0
    ];
  })
};
function set(context, args) {
  const { database, now } = context;
  const [key, value] = args;
  const options2 = new OptionReader(args, 2);
  let expires;
  let keeps = false;
  let returnsOld = false;
  let only;
  while (!options2.isAtEnd) {
    const word = options2.take().toUpperCase();
    if (word === "NX" || word === "XX") only = word;
    else if (word === "GET") returnsOld = true;
    else if (word === "KEEPTTL") keeps = true;
    else if (["EX", "PX", "EXAT", "PXAT"].includes(word)) {
      const amount = integer(options2.take());
      if (amount <= 0) throw new RedisError("ERR invalid expire time in 'set' command");
      const ms = word.startsWith("EX") ? amount * 1e3 : amount;
      expires = word.endsWith("AT") ? ms : now() + ms;
    } else throw syntaxError();
  }
  const old = returnsOld ? database.get(key, "string") ?? null : null;
  if (only && database.has(key) !== (only === "XX")) return old;
  database.set(key, "string", value, keeps ? database.expiresAt(key) : expires);
  context.changed(key);
  return returnsOld ? old : OK;
}
function increment(context, key, by) {
  const { database } = context;
  const before = database.get(key, "string") ?? "0";
  if (!/^-?\d{1,19}$/.test(before)) throw notInteger();
  const sum = BigInt(before) + BigInt(by);
  if (sum > 2n ** 63n - 1n || sum < -(2n ** 63n))
    throw new RedisError("ERR increment or decrement would overflow");
  database.set(key, "string", String(sum), database.expiresAt(key));
  context.changed(key);
  return Number(sum);
}
function valueOf(context, key) {
  return context.database.get(key, "string") ?? null;
}
var stringCommands = {
  GET: exactly(reads(1, (context, [key]) => valueOf(context, key))),
  MGET: reads(
    1,
    ({ database }, keys) => keys.map((key) => database.typeOf(key) === "string" ? database.get(key, "string") : null)
  ),
  SET: grows(2, set),
  SETEX: grows(3, (context, [key, seconds, value]) => set(context, [key, value, "EX", seconds])),
  PSETEX: grows(3, (context, [key, ms, value]) => set(context, [key, value, "PX", ms])),
  SETNX: grows(2, (context, [key, value]) => set(context, [key, value, "NX"]) === OK ? 1 : 0),
  MSET: grows(2, (context, args) => {
    for (let i = 0; i < args.length; i += 2) set(context, [args[i], args[i + 1]]);
    return OK;
  }),
  GETDEL: exactly(
    changes(1, (context, [key]) => {
      const value = valueOf(context, key);
      if (context.database.delete(key)) context.changed(key);
      return value;
    })
  ),
  APPEND: exactly(
    grows(2, (context, [key, more]) => {
      const value = (valueOf(context, key) ?? "") + more;
      context.database.set(key, "string", value, context.database.expiresAt(key));
      context.changed(key);
      return value.length;
    })
  ),
  STRLEN: exactly(reads(1, (context, [key]) => valueOf(context, key)?.length ?? 0)),
  GETRANGE: reads(3, (context, [key, from, to]) => {
    const value = valueOf(context, key) ?? "";
    const end = integer(to);
    return value.slice(integer(from), end === -1 ? void 0 : end + 1);
  }),
  INCR: exactly(grows(1, (context, [key]) => increment(context, key, 1))),
  DECR: exactly(grows(1, (context, [key]) => increment(context, key, -1))),
  INCRBY: exactly(grows(2, (context, [key, by]) => increment(context, key, integer(by)))),
  DECRBY: exactly(grows(2, (context, [key, by]) => increment(context, key, -integer(by))))
};
var operations_exports = {};
__export(operations_exports, {
  add: () => add3,
  call: () => call,
  concat: () => concat,
  divide: () => divide,
  global: () => global2,
  index: () => index,
  isTrue: () => isTrue,
  lengthOf: () => lengthOf,
  lessOrEqual: () => lessOrEqual,
  lessThan: () => lessThan,
  loopNumber: () => loopNumber,
  modulo: () => modulo,
  multiply: () => multiply,
  negate: () => negate,
  power: () => power,
  setGlobal: () => setGlobal,
  setIndex: () => setIndex,
  subtract: () => subtract
});
var LuaError = class extends Error {
  value;
  constructor(value) {
    super(typeof value === "string" ? value : "a Lua error");
    this.value = value;
  }
};
var LuaTable = class _LuaTable {
  list = [];
  #map = /* @__PURE__ */ new Map();
  metatable;
  /** The keys of the map, in order, while `next` walks over them. */
  #walk;
  #walkAt;
  static of(values) {
    const table2 = new _LuaTable();
    for (const [i, value] of values.entries()) table2.set(i + 1, value);
    return table2;
  }
  get(key) {
    if (typeof key === "number" && key >= 1 && key <= this.list.length && Number.isInteger(key))
      return this.list[key - 1];
    return this.#map.get(key);
  }
  set(key, value) {
    if (key === void 0) throw new LuaError("table index is nil");
    if (typeof key === "number") {
      if (Number.isNaN(key)) throw new LuaError("table index is NaN");
      if (key === this.list.length + 1) return this.#append(key, value);
      if (key >= 1 && key <= this.list.length && Number.isInteger(key)) {
        this.list[key - 1] = value;
        if (value === void 0 && key === this.list.length) this.#trim();
        return;
      }
    }
    if (value === void 0) this.#map.delete(key);
    else {
      if (!this.#map.has(key)) this.#walk = void 0;
      this.#map.set(key, value);
    }
  }
  /** `#table`: a border, as Lua defines it. */
  get length() {
    return this.list.length;
  }
  /** The key after this one and its value; nothing after the last one. */
  next(key) {
    let index2 = 0;
    const inList = key === void 0 || typeof key === "number" && this.list[key - 1] !== void 0;
    if (inList) {
      for (let i = key === void 0 ? 0 : key; i < this.list.length; i++)
        if (this.list[i] !== void 0) return [i + 1, this.list[i]];
    } else index2 = (this.#walkAt?.get(key) ?? -1) + 1;
    if (this.#walk === void 0 || index2 === 0) {
      this.#walk = [...this.#map.keys()];
      this.#walkAt = new Map(this.#walk.map((each, i) => [each, i]));
    }
    for (; index2 < this.#walk.length; index2++) {
      const value = this.#map.get(this.#walk[index2]);
      if (value !== void 0) return [this.#walk[index2], value];
    }
    return [void 0];
  }
  #append(key, value) {
    if (value === void 0) return void this.#map.delete(key);
    this.list.push(value);
    this.#map.delete(key);
    while (this.#map.size > 0 && this.#map.has(this.list.length + 1)) {
      const next2 = this.list.length + 1;
      this.list.push(this.#map.get(next2));
      this.#map.delete(next2);
    }
  }
  #trim() {
    while (this.list.length > 0 && this.list.at(-1) === void 0) this.list.pop();
  }
};
function typeOf(value) {
  if (value === void 0) return "nil";
  if (value instanceof LuaTable) return "table";
  return typeof value;
}
function numberToString(value) {
  if (Number.isInteger(value) && Math.abs(value) < 1e15)
    return Object.is(value, -0) ? "-0" : String(value);
  return formatGeneral(value, 14);
}
function formatGeneral(value, precision) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const digits = Math.max(1, precision);
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const power2 = Number(exponent);
  const strip = (text2) => text2.includes(".") ? text2.replace(/\.?0+$/, "") : text2;
  if (power2 < -4 || power2 >= digits)
    return `${strip(mantissa)}e${power2 < 0 ? "-" : "+"}${String(Math.abs(power2)).padStart(2, "0")}`;
  return strip(value.toFixed(digits - 1 - power2));
}
function stringToNumber(text2) {
  const trimmed = text2.trim();
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed);
  const hex = /^([+-]?)0x([0-9a-f]+)$/i.exec(trimmed);
  if (hex) return (hex[1] === "-" ? -1 : 1) * Number.parseInt(hex[2], 16);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(trimmed);
  if (!special) return void 0;
  if (special[2].toLowerCase() === "nan") return NaN;
  return special[1] === "-" ? -Infinity : Infinity;
}
function toNumber(value) {
  if (typeof value === "number") return value;
  return typeof value === "string" ? stringToNumber(value) : void 0;
}
function toText(value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return numberToString(value);
  if (value === void 0) return "nil";
  if (typeof value === "boolean") return String(value);
  return `${typeOf(value)}: 0x0`;
}
function isTrue(value) {
  return value !== void 0 && value !== false;
}
function index(value, key, strings2) {
  if (value instanceof LuaTable) {
    const found = value.get(key);
    if (found !== void 0 || value.metatable === void 0) return found;
    const fallback = value.metatable.get("__index");
    if (typeof fallback === "function") return fallback(value, key)[0];
    return fallback === void 0 ? void 0 : index(fallback, key, strings2);
  }
  if (typeof value === "string") return strings2.get(key);
  throw new LuaError(`attempt to index a ${typeOf(value)} value (${toText(key)})`);
}
function global2(globals, name) {
  const value = globals.get(name);
  if (value === void 0)
    throw new LuaError(`Script attempted to access nonexistent global variable '${name}'`);
  return value;
}
function setGlobal(name, _) {
  throw new LuaError(`Attempt to modify a readonly table (${name})`);
}
function setIndex(value, key, to) {
  if (!(value instanceof LuaTable))
    throw new LuaError(`attempt to index a ${typeOf(value)} value (${toText(key)})`);
  value.set(key, to);
}
function call(value, ...args) {
  if (typeof value !== "function") throw new LuaError(`attempt to call a ${typeOf(value)} value`);
  return value(...args);
}
function operand(value) {
  const number3 = toNumber(value);
  if (number3 === void 0)
    throw new LuaError(`attempt to perform arithmetic on a ${typeOf(value)} value`);
  return number3;
}
var add3 = (a, b) => typeof a === "number" && typeof b === "number" ? a + b : operand(a) + operand(b);
var subtract = (a, b) => operand(a) - operand(b);
var multiply = (a, b) => operand(a) * operand(b);
var divide = (a, b) => operand(a) / operand(b);
var power = (a, b) => operand(a) ** operand(b);
var negate = (a) => -operand(a);
function modulo(a, b) {
  const [x2, y] = [operand(a), operand(b)];
  return x2 - Math.floor(x2 / y) * y;
}
function concat(a, b) {
  for (const value of [a, b])
    if (typeof value !== "string" && typeof value !== "number")
      throw new LuaError(`attempt to concatenate a ${typeOf(value)} value`);
  return toText(a) + toText(b);
}
function lessThan(a, b) {
  if (typeof a === "number" && typeof b === "number") return a < b;
  if (typeof a === "string" && typeof b === "string") return a < b;
  throw new LuaError(`attempt to compare ${typeOf(a)} with ${typeOf(b)}`);
}
function lessOrEqual(a, b) {
  if (typeof a === "number" && typeof b === "number") return a <= b;
  if (typeof a === "string" && typeof b === "string") return a <= b;
  throw new LuaError(`attempt to compare ${typeOf(a)} with ${typeOf(b)}`);
}
function lengthOf(value) {
  if (typeof value === "string" || value instanceof LuaTable) return value.length;
  throw new LuaError(`attempt to get length of a ${typeOf(value)} value`);
}
function loopNumber(value, what) {
  const number3 = toNumber(value);
  if (number3 === void 0) throw new LuaError(`'for' ${what} must be a number`);
  return number3;
}
function compile(source) {
  const chunk = import_luaparse.default.parse(markParentheses(source), options);
  const body = new Writer().chunk(chunk);
  const make = new Function("op", "LuaTable", "globals", "strings", body);
  return (globals, strings2) => make(operations_exports, LuaTable, globals, strings2);
}
var options = { luaVersion: "5.1", encodingMode: "pseudo-latin1", comments: false };
var ONE = "__one";
function markParentheses(source) {
  const tokens = import_luaparse.default.parse("", { ...options, wait: true });
  tokens.write(source);
  let marked = "";
  let written3 = 0;
  let before;
  for (let token = tokens.lex(); token.type !== END_OF_FILE; token = tokens.lex()) {
    if (token.value === "(" && token.type === PUNCTUATOR && !mayBeCalled(before)) {
      marked += source.slice(written3, token.range[0]) + ONE;
      written3 = token.range[0];
    }
    before = token;
  }
  return marked + source.slice(written3);
}
var {
  EOF: END_OF_FILE,
  Punctuator: PUNCTUATOR,
  StringLiteral: STRING,
  Identifier: NAME
} = import_luaparse.default.tokenTypes;
function mayBeCalled(token) {
  if (token === void 0) return false;
  if (token.type === NAME || token.type === STRING || token.value === "function") return true;
  return token.type === PUNCTUATOR && [")", "]", "}"].includes(token.value);
}
var Scope = class {
  names = /* @__PURE__ */ new Map();
  outer;
  constructor(outer) {
    this.outer = outer;
  }
  find(name) {
    return this.names.get(name) ?? this.outer?.find(name);
  }
};
var BINARY = {
  "+": "add",
  "-": "subtract",
  "*": "multiply",
  "/": "divide",
  "%": "modulo",
  "^": "power",
  "..": "concat"
};
var Writer = class {
  #scope = new Scope();
  #count = 0;
  /** Variables that `and` and `or` of the current function need. */
  #temporaries = [];
  chunk(chunk) {
    return `return function (...varargs) { ${this.#functionBody(chunk.body)} }`;
  }
  #functionBody(statements) {
    const outer = this.#temporaries;
    this.#temporaries = [];
    const body = this.#block(statements);
    const declared = this.#temporaries.length > 0 ? `let ${this.#temporaries.join(", ")};` : "";
    this.#temporaries = outer;
    return `${declared} ${body} return []`;
  }
  #block(statements) {
    this.#scope = new Scope(this.#scope);
    const written3 = statements.map((statement) => this.#statement(statement)).join("\n");
    this.#scope = this.#scope.outer;
    return written3;
  }
  #declare(name) {
    const own = `${name}_${++this.#count}`;
    this.#scope.names.set(name, own);
    return own;
  }
  #statement(node) {
    switch (node.type) {
      case "LocalStatement": {
        const values = this.#values(node.init, node.variables.length);
        const names = node.variables.map(({ name }) => this.#declare(name));
        if (values.single)
          return names.map((name, i) => `let ${name} = ${values.single[i] ?? "undefined"};`).join(" ");
        return `let [${names.join(", ")}] = ${values.list};`;
      }
      case "AssignmentStatement": {
        const targets = node.variables;
        if (targets.length === 1 && node.init.length === 1)
          return `${this.#assign(targets[0], this.#one(node.init[0]))};`;
        const values = `values_${++this.#count}`;
        const list = this.#list(node.init);
        const steps = targets.map((target, i) => this.#assign(target, `${values}[${i}]`));
        return `{ const ${values} = ${list}; ${steps.join("; ")} }`;
      }
      case "CallStatement":
        return `${this.#call(node.expression)};`;
      case "ReturnStatement": {
        const args = node.arguments;
        const isTailCall = args.length === 1 && isMulti(args[0]);
        return `return ${isTailCall ? this.#multi(args[0]) : this.#list(args)};`;
      }
      case "IfStatement":
        return node.clauses.map((clause, i) => {
          const body = `{ ${this.#block(clause.body)} }`;
          return clause.type === "ElseClause" ? `else ${body}` : `${i > 0 ? "else " : ""}if (${this.#truth(clause.condition)}) ${body}`;
        }).join(" ");
      case "WhileStatement":
        return `while (${this.#truth(node.condition)}) { ${this.#block(node.body)} }`;
      case "RepeatStatement": {
        this.#scope = new Scope(this.#scope);
        const body = node.body.map((statement) => this.#statement(statement)).join("\n");
        const condition = this.#truth(node.condition);
        this.#scope = this.#scope.outer;
        return `while (true) { ${body} if (${condition}) break; }`;
      }
      case "DoStatement":
        return `{ ${this.#block(node.body)} }`;
      case "BreakStatement":
        return "break;";
      case "ForNumericStatement":
        return this.#numericFor(node);
      case "ForGenericStatement":
        return this.#genericFor(node);
      case "FunctionDeclaration": {
        if (node.isLocal) {
          const name = this.#declare(node.identifier.name);
          return `let ${name}; ${name} = ${this.#function(node)};`;
        }
        return `${this.#assign(node.identifier, this.#function(node))};`;
      }
      default:
        throw new SyntaxError(`Lua's ${node.type} is not supported.`);
    }
  }
  #numericFor(node) {
    const n = ++this.#count;
    const [start, limit] = [this.#one(node.start), this.#one(node.end)];
    const step = node.step ? this.#one(node.step) : "1";
    this.#scope = new Scope(this.#scope);
    const name = this.#declare(node.variable.name);
    const body = this.#block(node.body);
    this.#scope = this.#scope.outer;
    const [i, end, by] = [`i_${n}`, `end_${n}`, `step_${n}`];
    return `{ const ${end} = op.loopNumber(${limit}, 'limit');
const ${by} = op.loopNumber(${step}, 'step');
let ${i} = op.loopNumber(${start}, 'initial value');
for (; ${by} > 0 ? ${i} <= ${end} : ${i} >= ${end}; ${i} += ${by}) {
let ${name} = ${i}; ${body} } }`;
  }
  #genericFor(node) {
    const n = ++this.#count;
    const iterators = this.#list(node.iterators);
    this.#scope = new Scope(this.#scope);
    const names = node.variables.map(({ name }) => this.#declare(name));
    const body = this.#block(node.body);
    this.#scope = this.#scope.outer;
    return `{ let [next_${n}, state_${n}, control_${n}] = ${iterators};
while (true) { let [${names.join(", ")}] = op.call(next_${n}, state_${n}, control_${n});
if (${names[0]} === undefined) break; control_${n} = ${names[0]}; ${body} } }`;
  }
  #function(node) {
    this.#scope = new Scope(this.#scope);
    const parameters = node.parameters.map(
      (parameter) => parameter.type === "VarargLiteral" ? "...varargs" : this.#declare(parameter.name)
    );
    const body = this.#functionBody(node.body);
    this.#scope = this.#scope.outer;
    return `(function (${parameters.join(", ")}) { ${body} })`;
  }
  #assign(target, value) {
    if (target.type === "Identifier") {
      const local = this.#scope.find(target.name);
      return local ? `${local} = ${value}` : `op.setGlobal(${JSON.stringify(target.name)}, ${value})`;
    }
    return `op.setIndex(${this.#one(target.base)}, ${this.#keyOf(target)}, ${value})`;
  }
  #keyOf(node) {
    return node.type === "MemberExpression" ? JSON.stringify(node.identifier.name) : this.#one(node.index);
  }
  /** An expression's value: the first one, where it has several. */
  #one(node) {
    switch (node.type) {
      case "Identifier":
        return this.#scope.find(node.name) ?? `op.global(globals, ${JSON.stringify(node.name)})`;
      case "StringLiteral":
        return JSON.stringify(node.value);
      case "NumericLiteral":
        return String(node.value);
      case "BooleanLiteral":
        return String(node.value);
      case "NilLiteral":
        return "undefined";
      case "VarargLiteral":
        return "varargs[0]";
      case "FunctionDeclaration":
        return this.#function(node);
      case "TableConstructorExpression":
        return this.#table(node);
      case "MemberExpression":
      case "IndexExpression":
        return `op.index(${this.#one(node.base)}, ${this.#keyOf(node)}, strings)`;
      case "CallExpression":
        if (node.base.name === ONE)
          return `(${this.#one(node.arguments[0])})`;
        return `${this.#call(node)}[0]`;
      case "StringCallExpression":
      case "TableCallExpression":
        return `${this.#call(node)}[0]`;
      case "UnaryExpression":
        if (node.operator === "not") return `(!${this.#truth(node.argument)})`;
        return `op.${node.operator === "#" ? "lengthOf" : "negate"}(${this.#one(node.argument)})`;
      case "LogicalExpression": {
        const held = `held_${++this.#count}`;
        this.#temporaries.push(held);
        const [left, right] = [this.#one(node.left), this.#one(node.right)];
        const isTrue2 = `((${held} = ${left}) !== undefined && ${held} !== false)`;
        return node.operator === "and" ? `(${isTrue2} ? ${right} : ${held})` : `(${isTrue2} ? ${held} : ${right})`;
      }
      case "BinaryExpression":
        return this.#binary(node);
      default:
        throw new SyntaxError(`Lua's ${node.type} is not supported.`);
    }
  }
  #binary({ operator, left, right }) {
    const [a, b] = [this.#one(left), this.#one(right)];
    switch (operator) {
      case "==":
        return `(${a} === ${b})`;
      case "~=":
        return `(${a} !== ${b})`;
      case "<":
        return `op.lessThan(${a}, ${b})`;
      case "<=":
        return `op.lessOrEqual(${a}, ${b})`;
      case ">":
        return `op.lessThan(${b}, ${a})`;
      case ">=":
        return `op.lessOrEqual(${b}, ${a})`;
      default:
        return `op.${BINARY[operator]}(${a}, ${b})`;
    }
  }
  #truth(node) {
    if (node.type === "BinaryExpression" && ["==", "~=", "<", "<=", ">", ">="].includes(node.operator))
      return this.#one(node);
    if (node.type === "UnaryExpression" && node.operator === "not") return this.#one(node);
    if (node.type === "LogicalExpression")
      return `(${this.#truth(node.left)} ${node.operator === "and" ? "&&" : "||"} ${this.#truth(node.right)})`;
    return `op.isTrue(${this.#one(node)})`;
  }
  #table(node) {
    const name = `table_${++this.#count}`;
    this.#temporaries.push(name);
    const fields = node.fields;
    let position = 0;
    const steps = fields.map((field, i) => {
      if (field.type === "TableKeyString")
        return `${name}.set(${JSON.stringify(field.key.name)}, ${this.#one(field.value)})`;
      if (field.type === "TableKey")
        return `${name}.set(${this.#one(field.key)}, ${this.#one(field.value)})`;
      const value = field.value;
      if (i === fields.length - 1 && isMulti(value))
        return `${this.#multi(value)}.forEach((value, i) => table.set(${position} + i + 1, value))`;
      return `${name}.set(${++position}, ${this.#one(value)})`;
    });
    this.#temporaries.splice(this.#temporaries.indexOf(name), 1);
    if (steps.length === 0) return "new LuaTable()";
    const body = steps.map((step) => step.replaceAll(name, "table")).join("; ");
    return `((table) => { ${body}; return table })(new LuaTable())`;
  }
  #call(node) {
    const base = node.base;
    const args = node.type === "CallExpression" ? node.arguments : node.type === "StringCallExpression" ? [node.argument] : [node.arguments];
    if (base.type === "MemberExpression" && base.indexer === ":") {
      const held = `held_${++this.#count}`;
      this.#temporaries.push(held);
      const self = `${held} = ${this.#one(base.base)}`;
      const method = `op.index((${self}), ${JSON.stringify(base.identifier.name)}, strings)`;
      return `op.call(${[method, held, this.#spread(args)].filter(Boolean).join(", ")})`;
    }
    return `op.call(${[this.#one(base), this.#spread(args)].filter(Boolean).join(", ")})`;
  }
  /** Arguments; the last one gives all its values. */
  #spread(nodes) {
    return nodes.map(
      (node, i) => i === nodes.length - 1 && isMulti(node) ? `...${this.#multi(node)}` : this.#one(node)
    ).join(", ");
  }
  #list(nodes) {
    return `[${this.#spread(nodes)}]`;
  }
  #multi(node) {
    return node.type === "VarargLiteral" ? "varargs" : this.#call(node);
  }
  #values(nodes, wanted) {
    const last = nodes.at(-1);
    if (last && isMulti(last) && nodes.length < wanted + 1 && wanted > 1 && nodes.length <= wanted)
      return { list: this.#list(nodes) };
    if (nodes.length > wanted) return { list: this.#list(nodes) };
    return { single: nodes.map((node) => this.#one(node)), list: "" };
  }
};
function isMulti({ type, base }) {
  if (type === "CallExpression" && base.name === ONE) return false;
  return [
    "CallExpression",
    "StringCallExpression",
    "TableCallExpression",
    "VarargLiteral"
  ].includes(type);
}
var NULL = () => [];
var cjson = {
  null: NULL,
  encode: (value) => [encode(value, 0)],
  decode(text2) {
    if (typeof text2 !== "string") throw new LuaError("bad argument (string expected)");
    try {
      return [decode(JSON.parse(Buffer.from(text2, "latin1").toString()))];
    } catch {
      throw new LuaError("Expected value but found invalid token");
    }
  }
};
function encode(value, depth) {
  if (depth > 1e3) throw new LuaError("Cannot serialise, excessive depth");
  if (value === void 0 || value === NULL) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value))
      throw new LuaError("Cannot serialise number: must not be NaN or Inf");
    return formatGeneral(value, 14);
  }
  if (typeof value === "string") return quote(value);
  if (!(value instanceof LuaTable))
    throw new LuaError(`Cannot serialise ${typeof value}: type not supported`);
  const entries = [];
  for (let [key, item] = value.next(void 0); key !== void 0; [key, item] = value.next(key))
    entries.push([key, item]);
  if (entries.length > 0 && entries.every(([key]) => typeof key === "number" && key >= 1 && key <= value.length))
    return `[${value.list.map((item) => encode(item, depth + 1)).join(",")}]`;
  const members = entries.map(([key, item]) => {
    const name = typeof key === "number" ? formatGeneral(key, 14) : key;
    return `${quote(name)}:${encode(item, depth + 1)}`;
  });
  return `{${members.join(",")}}`;
}
function quote(text2) {
  const escaped2 = text2.replace(/["\\/\0-\x1f\x7f]/g, (one) => {
    const short = {
      '"': '\\"',
      "\\": "\\\\",
      "/": "\\/",
      "\b": "\\b",
      "\f": "\\f",
      "\n": "\\n",
      "\r": "\\r",
      "	": "\\t"
    }[one];
    return short ?? `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return `"${escaped2}"`;
}
function decode(value) {
  if (value === null) return NULL;
  if (typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "string") return Buffer.from(value).toString("latin1");
  if (Array.isArray(value)) return LuaTable.of(value.map(decode));
  const table2 = new LuaTable();
  for (const [key, item] of Object.entries(value))
    table2.set(Buffer.from(key).toString("latin1"), decode(item));
  return table2;
}
var cmsgpack = {
  pack: (...values) => [values.map((value) => pack(value)).join("")],
  unpack(packed) {
    const reader = new Reader(Buffer.from(toText(packed), "latin1"));
    const values = [];
    while (!reader.isAtEnd) values.push(reader.value());
    return values;
  }
};
function bytes(...all) {
  return String.fromCharCode(...all);
}
function sized(short, wide, size) {
  if (short && size <= short[1]) return bytes(short[0] | size);
  const [width, tag] = wide.find(([w]) => size < 2 ** (8 * w)) ?? wide.at(-1);
  const head = Buffer.alloc(width);
  head.writeUIntBE(size, 0, width);
  return bytes(tag) + head.toString("latin1");
}
function pack(value) {
  if (value === void 0) return bytes(192);
  if (typeof value === "boolean") return bytes(value ? 195 : 194);
  if (typeof value === "string")
    return sized(
      [160, 31],
      [
        [1, 217],
        [2, 218],
        [4, 219]
      ],
      value.length
    ) + value;
  if (typeof value === "number") {
    if (Number.isInteger(value) && value >= 0 && value < 128) return bytes(value);
    const head = Buffer.alloc(8);
    if (!Number.isSafeInteger(value)) {
      head.writeDoubleBE(value);
      return bytes(203) + head.toString("latin1");
    }
    head.writeBigInt64BE(BigInt(value));
    return bytes(211) + head.toString("latin1");
  }
  if (!(value instanceof LuaTable)) throw new LuaError("cmsgpack: this type can not be packed");
  const entries = [];
  for (let [key, item] = value.next(void 0); key !== void 0; [key, item] = value.next(key))
    entries.push([key, item]);
  if (entries.length === value.length)
    return sized(
      [144, 15],
      [
        [2, 220],
        [4, 221]
      ],
      value.length
    ) + Array.from({ length: value.length }, (_, i) => pack(value.get(i + 1))).join("");
  return sized(
    [128, 15],
    [
      [2, 222],
      [4, 223]
    ],
    entries.length
  ) + entries.map(([key, item]) => pack(key) + pack(item)).join("");
}
var Reader = class {
  #bytes;
  #at = 0;
  constructor(packed) {
    this.#bytes = packed;
  }
  get isAtEnd() {
    return this.#at >= this.#bytes.length;
  }
  value() {
    const tag = this.#number(1);
    if (tag < 128) return tag;
    if (tag < 144) return this.#map(tag & 15);
    if (tag < 160) return this.#list(tag & 15);
    if (tag < 192) return this.#text(tag & 31);
    if (tag >= 224) return tag - 256;
    switch (tag) {
      case 192:
        return void 0;
      case 194:
        return false;
      case 195:
        return true;
      case 196:
      case 217:
        return this.#text(this.#number(1));
      case 197:
      case 218:
        return this.#text(this.#number(2));
      case 198:
      case 219:
        return this.#text(this.#number(4));
      case 202:
        return this.#take(4).readFloatBE();
      case 203:
        return this.#take(8).readDoubleBE();
      case 204:
        return this.#number(1);
      case 205:
        return this.#number(2);
      case 206:
        return this.#number(4);
      case 207:
        return Number(this.#take(8).readBigUInt64BE());
      case 208:
        return this.#take(1).readInt8();
      case 209:
        return this.#take(2).readInt16BE();
      case 210:
        return this.#take(4).readInt32BE();
      case 211:
        return Number(this.#take(8).readBigInt64BE());
      case 220:
        return this.#list(this.#number(2));
      case 221:
        return this.#list(this.#number(4));
      case 222:
        return this.#map(this.#number(2));
      case 223:
        return this.#map(this.#number(4));
      default:
        throw new LuaError("Bad data format in input.");
    }
  }
  #list(size) {
    return LuaTable.of(Array.from({ length: size }, () => this.value()));
  }
  #map(size) {
    const table2 = new LuaTable();
    for (let i = 0; i < size; i++) {
      const key = this.value();
      table2.set(key, this.value());
    }
    return table2;
  }
  #text(size) {
    return this.#take(size).toString("latin1");
  }
  #number(width) {
    return this.#take(width).readUIntBE(0, width);
  }
  #take(size) {
    if (this.#at + size > this.#bytes.length) throw new LuaError("Missing bytes in input.");
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }
};
var OPEN = -1;
var POSITION = -2;
var MOST_DEPTH = 200;
function match(text2, pattern, from) {
  const isAnchored = pattern.startsWith("^");
  for (let start = from; start <= text2.length; start++) {
    const matcher = new Matcher(text2, pattern);
    const end = matcher.at(start, isAnchored ? 1 : 0);
    if (end !== void 0) return { start, end, captures: matcher.captured() };
    if (isAnchored) return void 0;
  }
  return void 0;
}
var Matcher = class {
  #text;
  #pattern;
  #captures = [];
  #depth = 0;
  constructor(text2, pattern) {
    this.#text = text2;
    this.#pattern = pattern;
  }
  captured() {
    return this.#captures.map(({ start, length }) => {
      if (length === POSITION) return start + 1;
      if (length === OPEN) throw new LuaError("unfinished capture");
      return this.#text.slice(start, start + length);
    });
  }
  /** Where the match of the pattern from `p` on ends; `undefined`: there is none at `s`. */
  at(s, p) {
    if (++this.#depth > MOST_DEPTH) throw new LuaError("pattern too complex");
    try {
      return this.#at(s, p);
    } finally {
      this.#depth--;
    }
  }
  #at(start, from) {
    let [s, p] = [start, from];
    for (; ; ) {
      if (p === this.#pattern.length) return s;
      switch (this.#pattern[p]) {
        case "(":
          return this.#pattern[p + 1] === ")" ? this.#open(s, p + 2, POSITION) : this.#open(s, p + 1, OPEN);
        case ")":
          return this.#close(s, p + 1);
        case "$":
          if (p + 1 === this.#pattern.length) return s === this.#text.length ? s : void 0;
          break;
        case "%": {
          const next2 = this.#pattern[p + 1];
          if (next2 === "b") {
            const end = this.#balanced(s, p + 2);
            if (end === void 0) return void 0;
            [s, p] = [end, p + 4];
            continue;
          }
          if (next2 !== void 0 && next2 >= "0" && next2 <= "9") {
            const end = this.#repeated(s, Number(next2) - 1);
            if (end === void 0) return void 0;
            [s, p] = [end, p + 2];
            continue;
          }
        }
      }
      const after2 = this.#endOfClass(p);
      const fits = (at) => at < this.#text.length && this.#fits(this.#text[at], p, after2);
      switch (this.#pattern[after2]) {
        case "?": {
          const end = fits(s) ? this.at(s + 1, after2 + 1) : void 0;
          if (end !== void 0) return end;
          p = after2 + 1;
          continue;
        }
        case "*":
          return this.#most(s, after2 + 1, fits);
        case "+":
          return fits(s) ? this.#most(s + 1, after2 + 1, fits) : void 0;
        case "-":
          for (; ; ) {
            const end = this.at(s, after2 + 1);
            if (end !== void 0) return end;
            if (!fits(s)) return void 0;
            s++;
          }
        default:
          if (!fits(s)) return void 0;
          s++;
          p = after2;
      }
    }
  }
  #most(s, p, fits) {
    let count2 = 0;
    while (fits(s + count2)) count2++;
    for (; count2 >= 0; count2--) {
      const end = this.at(s + count2, p);
      if (end !== void 0) return end;
    }
    return void 0;
  }
  #open(s, p, length) {
    this.#captures.push({ start: s, length });
    const end = this.at(s, p);
    if (end === void 0) this.#captures.pop();
    return end;
  }
  #close(s, p) {
    const capture = this.#captures.findLast(({ length }) => length === OPEN);
    if (!capture) throw new LuaError("invalid pattern capture");
    capture.length = s - capture.start;
    const end = this.at(s, p);
    if (end === void 0) capture.length = OPEN;
    return end;
  }
  #balanced(s, p) {
    const [opening, closing] = [this.#pattern[p], this.#pattern[p + 1]];
    if (this.#text[s] !== opening) return void 0;
    let depth = 1;
    for (let at = s + 1; at < this.#text.length; at++) {
      if (this.#text[at] === closing) {
        if (--depth === 0) return at + 1;
      } else if (this.#text[at] === opening) depth++;
    }
    return void 0;
  }
  #repeated(s, index2) {
    const capture = this.#captures[index2];
    if (!capture || capture.length < 0) throw new LuaError("invalid capture index");
    const before = this.#text.slice(capture.start, capture.start + capture.length);
    return this.#text.startsWith(before, s) ? s + before.length : void 0;
  }
  #endOfClass(p) {
    const first = this.#pattern[p];
    if (first === "%") {
      if (p + 1 >= this.#pattern.length) throw new LuaError("malformed pattern (ends with '%')");
      return p + 2;
    }
    if (first !== "[") return p + 1;
    let at = p + 1;
    if (this.#pattern[at] === "^") at++;
    do {
      if (at >= this.#pattern.length) throw new LuaError("malformed pattern (missing ']')");
      at += this.#pattern[at] === "%" ? 2 : 1;
    } while (this.#pattern[at] !== "]");
    return at + 1;
  }
  #fits(character, p, after2) {
    switch (this.#pattern[p]) {
      case ".":
        return true;
      case "%":
        return isOfClass(character, this.#pattern[p + 1]);
      case "[":
        return this.#isInSet(character, p, after2 - 1);
      default:
        return this.#pattern[p] === character;
    }
  }
  #isInSet(character, p, end) {
    let at = p + 1;
    const isNegated = this.#pattern[at] === "^";
    if (isNegated) at++;
    for (; at < end; at++) {
      if (this.#pattern[at] === "%") {
        if (isOfClass(character, this.#pattern[++at])) return !isNegated;
      } else if (this.#pattern[at + 1] === "-" && at + 2 < end) {
        if (this.#pattern[at] <= character && character <= this.#pattern[at + 2])
          return !isNegated;
        at += 2;
      } else if (this.#pattern[at] === character) return !isNegated;
    }
    return isNegated;
  }
};
var CLASSES = {
  a: /[A-Za-z]/,
  c: /[\0-\x1f\x7f]/,
  d: /\d/,
  l: /[a-z]/,
  p: /[!-/:-@[-`{-~]/,
  s: /[ \t-\r]/,
  u: /[A-Z]/,
  w: /[A-Za-z0-9]/,
  x: /[A-Fa-f0-9]/,
  z: /\0/
};
function isOfClass(character, name) {
  const pattern = CLASSES[name.toLowerCase()];
  if (pattern === void 0) return name === character;
  return pattern.test(character) === (name === name.toLowerCase());
}
function text(value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return numberToString(value);
  throw new LuaError(`bad argument (string expected, got ${typeOf(value)})`);
}
function number(value, otherwise) {
  if (value === void 0 && otherwise !== void 0) return otherwise;
  const parsed = toNumber(value);
  if (parsed === void 0)
    throw new LuaError(`bad argument (number expected, got ${typeOf(value)})`);
  return parsed;
}
function slice(length, from, to) {
  const start = from < 0 ? Math.max(length + from, 0) : Math.max(from, 1) - 1;
  const end = to < 0 ? length + to + 1 : Math.min(to, length);
  return [start, end];
}
function captures(found, of) {
  return found.captures.length > 0 ? [...found.captures] : [of.slice(found.start, found.end)];
}
var strings = {
  byte(of, from = 1, to = from) {
    const value = text(of);
    const [start, end] = slice(value.length, number(from), number(to));
    return Array.from(value.slice(start, end), (one) => one.charCodeAt(0));
  },
  char: (...codes) => [String.fromCharCode(...codes.map((code) => number(code)))],
  find(of, what, from = 1, plain) {
    const [value, pattern] = [text(of), text(what)];
    const [start] = slice(value.length, number(from), -1);
    if (plain !== void 0 && plain !== false) {
      const at = value.indexOf(pattern, start);
      return at < 0 ? [void 0] : [at + 1, at + pattern.length];
    }
    const found = match(value, pattern, start);
    return found ? [found.start + 1, found.end, ...found.captures] : [void 0];
  },
  format: (template, ...values) => [format(text(template), values)],
  gmatch(of, what) {
    const [value, pattern] = [text(of), text(what)];
    let from = 0;
    return [
      () => {
        if (from > value.length) return [void 0];
        const found = match(value, pattern, from);
        if (!found) return [void 0];
        from = found.end > found.start ? found.end : found.end + 1;
        return captures(found, value);
      }
    ];
  },
  gsub(of, what, by, most) {
    const [value, pattern] = [text(of), text(what)];
    const limit = number(most, Infinity);
    let [result, from, count2] = ["", 0, 0];
    while (count2 < limit) {
      const found = match(value, pattern, from);
      if (!found) break;
      count2++;
      result += value.slice(from, found.start) + replacement(by, captures(found, value), value.slice(found.start, found.end));
      if (found.end > found.start) from = found.end;
      else {
        result += value.slice(found.end, found.end + 1);
        from = found.end + 1;
        if (from > value.length) break;
      }
      if (pattern.startsWith("^")) break;
    }
    return [result + value.slice(from), count2];
  },
  len: (of) => [text(of).length],
  lower: (of) => [text(of).replace(/[A-Z]/g, (letter) => letter.toLowerCase())],
  upper: (of) => [text(of).replace(/[a-z]/g, (letter) => letter.toUpperCase())],
  match(of, what, from = 1) {
    const [value, pattern] = [text(of), text(what)];
    const found = match(value, pattern, slice(value.length, number(from), -1)[0]);
    return found ? captures(found, value) : [void 0];
  },
  rep: (of, times) => [text(of).repeat(Math.max(0, number(times)))],
  reverse: (of) => [Array.from(text(of)).reverse().join("")],
  sub(of, from = 1, to = -1) {
    const value = text(of);
    const [start, end] = slice(value.length, number(from), number(to));
    return [start < end ? value.slice(start, end) : ""];
  }
};
function replacement(by, found, whole) {
  let value;
  if (typeof by === "string" || typeof by === "number")
    return text(by).replace(
      /%(.)/gs,
      (_, what) => what === "0" ? whole : /\d/.test(what) ? toText(found[Number(what) - 1]) : what
    );
  if (by instanceof LuaTable) value = by.get(found[0]);
  else if (typeof by === "function") value = by(...found)[0];
  return value === void 0 || value === false ? whole : toText(value);
}
function format(template, values) {
  let at = 0;
  return template.replace(
    /%([-+ #0]*)(\d*)(?:\.(\d*))?([a-zA-Z%])/g,
    (_, flags, width, precision, kind) => {
      if (kind === "%") return "%";
      const value = values[at++];
      const digits = precision === void 0 ? void 0 : Number(precision);
      const written3 = convert(kind, value, digits, flags);
      if (written3.length >= Number(width)) return written3;
      if (flags.includes("-")) return written3.padEnd(Number(width));
      if (!flags.includes("0") || kind === "s") return written3.padStart(Number(width));
      const sign = /^[+-]/.exec(written3)?.[0] ?? "";
      return sign + written3.slice(sign.length).padStart(Number(width) - sign.length, "0");
    }
  );
}
function convert(kind, value, digits, flags) {
  if (kind === "s") return toText(value).slice(0, digits);
  if (kind === "q") return JSON.stringify(text(value));
  const amount = number(value);
  const signed = (written3) => flags.includes("+") && amount >= 0 ? `+${written3}` : written3;
  switch (kind) {
    case "d":
    case "i":
    case "u":
      return signed(
        Math.trunc(amount).toLocaleString("en", { useGrouping: false, maximumFractionDigits: 0 })
      );
    case "c":
      return String.fromCharCode(amount);
    case "x":
      return Math.trunc(amount).toString(16);
    case "X":
      return Math.trunc(amount).toString(16).toUpperCase();
    case "o":
      return Math.trunc(amount).toString(8);
    case "e":
      return signed(amount.toExponential(digits ?? 6).replace(/e([+-])(\d)$/, "e$10$2"));
    case "f":
      return signed(fixed(amount, digits ?? 6));
    case "g":
      return signed(formatGeneral(amount, digits ?? 6));
    default:
      throw new LuaError(`invalid option '%${kind}' to 'format'`);
  }
}
function fixed(amount, digits) {
  if (!Number.isFinite(amount)) return Number.isNaN(amount) ? "nan" : amount > 0 ? "inf" : "-inf";
  if (Math.abs(amount) < 1e21) return amount.toFixed(digits);
  return `${BigInt(amount)}${digits > 0 ? `.${"0".repeat(digits)}` : ""}`;
}
var struct = {
  pack(layout, ...values) {
    let packed = "";
    for (const [i, field] of fieldsOf(toText(layout)).entries()) packed += write(field, values[i]);
    return [packed];
  },
  unpack(layout, from, start = 1) {
    const bytes2 = Buffer.from(toText(from), "latin1");
    let at = (toNumber(start) ?? 1) - 1;
    const values = [];
    for (const field of fieldsOf(toText(layout))) {
      if (at + field.size > bytes2.length) throw new LuaError("data string too short");
      values.push(read2(field, bytes2.subarray(at, at + field.size)));
      at += field.size;
    }
    return [...values, at + 1];
  }
};
function fieldsOf(layout) {
  let isBig = false;
  const fields = [];
  for (const [, kind, size] of layout.matchAll(/([<>!=a-zA-Z])(\d*)/g)) {
    if (kind === ">") isBig = true;
    else if (kind === "<") isBig = false;
    else if ("iI".includes(kind)) fields.push({ kind, size: Number(size || 4), isBig });
    else if (kind === "d") fields.push({ kind, size: 8, isBig });
    else if (kind === "f") fields.push({ kind, size: 4, isBig });
    else if ("bB".includes(kind)) fields.push({ kind: kind === "b" ? "i" : "I", size: 1, isBig });
    else if ("hH".includes(kind)) fields.push({ kind: kind === "h" ? "i" : "I", size: 2, isBig });
    else if ("lL".includes(kind)) fields.push({ kind: kind === "l" ? "i" : "I", size: 8, isBig });
    else if (kind === "c") fields.push({ kind, size: Number(size || 1), isBig });
    else throw new LuaError(`invalid format option '${kind}'`);
  }
  return fields;
}
function write({ kind, size, isBig }, value) {
  if (kind === "c") return toText(value).slice(0, size);
  const number3 = toNumber(value);
  if (number3 === void 0) throw new LuaError("bad argument (number expected)");
  const bytes2 = Buffer.alloc(size);
  if (kind === "d") isBig ? bytes2.writeDoubleBE(number3) : bytes2.writeDoubleLE(number3);
  else if (kind === "f") isBig ? bytes2.writeFloatBE(number3) : bytes2.writeFloatLE(number3);
  else {
    let rest = BigInt.asUintN(8 * size, BigInt(Math.trunc(number3)));
    for (let i = 0; i < size; i++, rest >>= 8n)
      bytes2[isBig ? size - 1 - i : i] = Number(rest & 255n);
  }
  return bytes2.toString("latin1");
}
function read2({ kind, size, isBig }, bytes2) {
  if (kind === "c") return bytes2.toString("latin1");
  if (kind === "d") return isBig ? bytes2.readDoubleBE() : bytes2.readDoubleLE();
  if (kind === "f") return isBig ? bytes2.readFloatBE() : bytes2.readFloatLE();
  let value = 0n;
  for (let i = 0; i < size; i++) value = value << 8n | BigInt(bytes2[isBig ? i : size - 1 - i]);
  return Number(kind === "i" ? BigInt.asIntN(8 * size, value) : value);
}
function library(functions) {
  const table2 = new LuaTable();
  for (const [name, value] of Object.entries(functions)) table2.set(name, value);
  return table2;
}
function standardLibrary() {
  const globals = library(basic);
  const stringLibrary = library(strings);
  globals.set("string", stringLibrary);
  globals.set("table", library(tables));
  globals.set("math", library(mathematics));
  globals.set("cjson", library(cjson));
  globals.set("struct", library(struct));
  globals.set("cmsgpack", library(cmsgpack));
  return { globals, strings: stringLibrary };
}
function table(value) {
  if (!(value instanceof LuaTable))
    throw new LuaError(`bad argument (table expected, got ${typeOf(value)})`);
  return value;
}
function number2(value) {
  const parsed = toNumber(value);
  if (parsed === void 0)
    throw new LuaError(`bad argument (number expected, got ${typeOf(value)})`);
  return parsed;
}
var next = (of, key) => table(of).next(key);
var basic = {
  type: (value) => [typeOf(value)],
  tostring: (value) => [toText(value)],
  tonumber(value, base) {
    if (base === void 0 || number2(base) === 10)
      return [
        typeof value === "string" ? stringToNumber(value) : typeof value === "number" ? value : void 0
      ];
    const parsed = Number.parseInt(toText(value), number2(base));
    return [Number.isNaN(parsed) ? void 0 : parsed];
  },
  error: (value) => {
    throw new LuaError(value);
  },
  assert(value, message, ...rest) {
    if (value === void 0 || value === false) throw new LuaError(message ?? "assertion failed!");
    return [value, message, ...rest];
  },
  pcall(called, ...args) {
    try {
      if (typeof called !== "function") return [false, `attempt to call a ${typeOf(called)} value`];
      return [true, ...called(...args)];
    } catch (error) {
      if (error instanceof LuaError) return [false, error.value];
      throw error;
    }
  },
  next,
  pairs: (of) => [next, table(of), void 0],
  ipairs: (of) => [
    (list, i) => {
      const at = number2(i) + 1;
      const value = table(list).get(at);
      return value === void 0 ? [void 0] : [at, value];
    },
    table(of),
    0
  ],
  select(which, ...values) {
    if (which === "#") return [values.length];
    const at = number2(which);
    return at < 0 ? values.slice(at) : values.slice(at - 1);
  },
  unpack(of, from = 1, to) {
    const list = table(of);
    const end = to === void 0 ? list.length : number2(to);
    const values = [];
    for (let i = number2(from); i <= end; i++) values.push(list.get(i));
    return values;
  },
  setmetatable(of, metatable) {
    table(of).metatable = metatable === void 0 ? void 0 : table(metatable);
    return [of];
  },
  getmetatable: (of) => [of instanceof LuaTable ? of.metatable : void 0],
  rawget: (of, key) => [table(of).get(key)],
  rawset: (of, key, value) => (table(of).set(key, value), [of]),
  rawequal: (a, b) => [a === b]
};
var tables = {
  concat(of, separator = "", from = 1, to) {
    const list = table(of);
    const parts = [];
    for (let i = number2(from); i <= (to === void 0 ? list.length : number2(to)); i++) {
      const value = list.get(i);
      if (typeof value !== "string" && typeof value !== "number")
        throw new LuaError(`invalid value (${typeOf(value)}) at index ${i} in table for 'concat'`);
      parts.push(toText(value));
    }
    return [parts.join(toText(separator))];
  },
  insert(of, ...rest) {
    const list = table(of);
    if (rest.length === 1) list.set(list.length + 1, rest[0]);
    else {
      for (let i = list.length; i >= number2(rest[0]); i--) list.set(i + 1, list.get(i));
      list.set(number2(rest[0]), rest[1]);
    }
    return [];
  },
  remove(of, position) {
    const list = table(of);
    const end = list.length;
    const at = position === void 0 ? end : number2(position);
    if (end === 0) return [void 0];
    const removed = list.get(at);
    for (let i = at; i < end; i++) list.set(i, list.get(i + 1));
    list.set(end, void 0);
    return [removed];
  },
  sort(of, order) {
    const list = table(of);
    const isBefore = (a, b) => typeof order === "function" ? order(a, b)[0] === true : lessThan(a, b);
    const values = Array.from({ length: lengthOf(list) }, (_, i) => list.get(i + 1));
    values.sort((a, b) => isBefore(a, b) ? -1 : isBefore(b, a) ? 1 : 0);
    for (const [i, value] of values.entries()) list.set(i + 1, value);
    return [];
  },
  getn: (of) => [table(of).length]
};
var mathematics = {
  abs: (x2) => [Math.abs(number2(x2))],
  ceil: (x2) => [Math.ceil(number2(x2))],
  floor: (x2) => [Math.floor(number2(x2))],
  fmod: (a, b) => [number2(a) % number2(b)],
  max: (...all) => [Math.max(...all.map(number2))],
  min: (...all) => [Math.min(...all.map(number2))],
  sqrt: (x2) => [Math.sqrt(number2(x2))],
  pow: (x2, y) => [number2(x2) ** number2(y)],
  exp: (x2) => [Math.exp(number2(x2))],
  log: (x2) => [Math.log(number2(x2))],
  modf: (x2) => [Math.trunc(number2(x2)), number2(x2) % 1],
  random: (from, to) => {
    if (from === void 0) return [Math.random()];
    const [low, high] = to === void 0 ? [1, number2(from)] : [number2(from), number2(to)];
    return [low + Math.floor(Math.random() * (high - low + 1))];
  },
  huge: Infinity,
  pi: Math.PI
};
var Scripts = class {
  #compiled = /* @__PURE__ */ new Map();
  #execute;
  #isReadOnly = false;
  constructor(execute) {
    this.#execute = execute;
  }
  /** Returns the SHA-1. @throws {RedisError} where the source is no Lua. */
  load(source) {
    const sha = createHash("sha1").update(source, "latin1").digest("hex");
    if (this.#compiled.has(sha)) return sha;
    try {
      const { globals, strings: strings2 } = standardLibrary();
      globals.set("redis", this.#redis());
      this.#compiled.set(sha, { run: compile(source)(globals, strings2), globals });
    } catch (error) {
      throw new RedisError(`ERR Error compiling script (new function): ${error.message}`);
    }
    return sha;
  }
  has(sha) {
    return this.#compiled.has(sha);
  }
  clear() {
    this.#compiled.clear();
  }
  run(sha, keys, args, isReadOnly) {
    const script = this.#compiled.get(sha.toLowerCase());
    if (script === void 0) throw new RedisError("NOSCRIPT No matching script. Please use EVAL.");
    script.globals.set("KEYS", LuaTable.of(keys));
    script.globals.set("ARGV", LuaTable.of(args));
    this.#isReadOnly = isReadOnly;
    try {
      return toReply(script.run()[0]);
    } catch (error) {
      throw error instanceof LuaError ? redisErrorOf(error.value) : error;
    }
  }
  #redis() {
    const command = (args) => {
      const texts = args.map((arg) => {
        if (typeof arg === "string") return arg;
        if (typeof arg === "number") return argumentOf(arg);
        throw new LuaError(
          errorTable("ERR Lua redis lib command arguments must be strings or integers")
        );
      });
      return toLua(this.#execute(texts, this.#isReadOnly));
    };
    return library({
      call(...args) {
        const reply = command(args);
        if (reply instanceof LuaTable && reply.get("err") !== void 0) throw new LuaError(reply);
        return [reply];
      },
      pcall: (...args) => [command(args)],
      error_reply: (text2) => [errorTable(toText(text2))],
      status_reply: (text2) => [tableOf("ok", toText(text2))],
      sha1hex: (text2) => [createHash("sha1").update(toText(text2), "latin1").digest("hex")],
      log: () => [],
      setresp: () => [],
      replicate_commands: () => [true],
      LOG_DEBUG: 0,
      LOG_VERBOSE: 1,
      LOG_NOTICE: 2,
      LOG_WARNING: 3
    });
  }
};
function argumentOf(number3) {
  return Number.isInteger(number3) && Math.abs(number3) < 1e17 ? String(number3) : String(number3);
}
function tableOf(field, text2) {
  const table2 = new LuaTable();
  table2.set(field, text2);
  return table2;
}
function errorTable(text2) {
  return tableOf("err", text2);
}
function redisErrorOf(value) {
  const text2 = value instanceof LuaTable ? value.get("err") : value;
  const message = toText(text2);
  return new RedisError(value instanceof LuaTable ? message : `ERR ${message}`);
}
function toLua(reply) {
  if (reply === null) return false;
  if (reply instanceof Status) return tableOf("ok", reply.text);
  if (reply instanceof RedisError) return errorTable(reply.message);
  return Array.isArray(reply) ? LuaTable.of(reply.map(toLua)) : reply;
}
function toReply(value) {
  if (value === void 0 || value === false) return null;
  if (value === true) return 1;
  if (typeof value === "number") return Math.trunc(value);
  if (typeof value === "string") return value;
  if (typeof value === "function") return null;
  const [err, ok] = [value.get("err"), value.get("ok")];
  if (typeof err === "string") return new RedisError(err);
  if (typeof ok === "string") return ok === "OK" ? OK : new Status(ok);
  const replies = [];
  for (let i = 1; value.get(i) !== void 0; i++) replies.push(toReply(value.get(i)));
  return replies;
}
var MemoryServer = class {
  database;
  faults = {};
  listeners = /* @__PURE__ */ new Set();
  #scripts;
  #context;
  #commands;
  #waiting = /* @__PURE__ */ new Set();
  #offset = 0;
  #depth = 0;
  constructor() {
    this.database = new Database(() => this.now());
    this.#scripts = new Scripts((args, isReadOnly) => this.#run(args, isReadOnly));
    this.#context = {
      database: this.database,
      now: () => this.now(),
      micros: () => this.micros(),
      publish: (channel2, payload) => this.#publish(channel2, payload),
      changed: (key) => this.#changed(key)
    };
    this.#commands = {
      ...stringCommands,
      ...hashCommands,
      ...listCommands,
      ...setCommands,
      ...sortedSetCommands,
      ...streamCommands,
      ...keyCommands,
      ...this.#serverCommands()
    };
  }
  /** The server's clock, in µs. */
  micros() {
    return Math.floor((performance.timeOrigin + performance.now() + this.#offset) * 1e3);
  }
  /** Ms. */
  now() {
    return Math.floor(this.micros() / 1e3);
  }
  /** Sets the clock to this many ms from the machine's. */
  setClock(offset) {
    this.#offset = offset;
  }
  /** Deletes all keys. */
  flush() {
    this.database.clear();
    for (const { invalidated } of this.listeners) invalidated?.(void 0);
    return OK;
  }
  /** The reply of one command; an error is a reply too. */
  execute(args) {
    const reply = this.#run(args, false);
    this.#wake();
    return reply;
  }
  /**
   * Runs a command that may wait for a list (BLPOP, BRPOP), or any other one. `cancelled` returns
   * true once nobody waits for the reply any more.
   */
  blocking(args, done, cancelled) {
    const [name, ...rest] = args;
    const how = /^B([LR])POP$/i.exec(name)?.[1]?.toUpperCase();
    if (how === void 0) return done(this.execute(args));
    const keys = rest.slice(0, -1);
    const timeout = Number(rest.at(-1)) * 1e3;
    const attempt = () => {
      if (cancelled()) return true;
      try {
        for (const key of keys) {
          const item = pop(this.#context, key, how === "L" ? "shift" : "pop");
          if (item === null) continue;
          done([key, item]);
          return true;
        }
      } catch (error) {
        done(error);
        return true;
      }
      return false;
    };
    if (attempt()) return;
    this.#waiting.add(attempt);
    if (timeout > 0)
      unref(setTimeout(() => this.#waiting.delete(attempt) && done(null), timeout));
  }
  #wake() {
    for (const attempt of this.#waiting) if (attempt()) this.#waiting.delete(attempt);
  }
  #run(args, isReadOnly) {
    const [name = "", ...rest] = args;
    const spec = this.#commands[name.toUpperCase()];
    try {
      if (spec === void 0)
        throw new RedisError(
          this.#depth > 0 ? "ERR Unknown Redis command called from script" : `ERR unknown command '${name}'`
        );
      if (rest.length < spec.least || spec.most !== void 0 && rest.length > spec.most)
        throw new RedisError(
          this.#depth > 0 ? "ERR Wrong number of args calling Redis command from script" : `ERR wrong number of arguments for '${name.toLowerCase()}' command`
        );
      if (isReadOnly && spec.writes)
        throw new RedisError("ERR Write commands are not allowed from read-only scripts.");
      if (spec.grows && this.faults.outOfMemory)
        throw new RedisError("OOM command not allowed when used memory > 'maxmemory'.");
      return spec.run(this.#context, rest);
    } catch (error) {
      if (error instanceof RedisError) return error;
      throw error;
    }
  }
  #publish(channel2, payload) {
    let receivers = 0;
    for (const listener of this.listeners) {
      if (!listener.channels.has(channel2)) continue;
      receivers++;
      listener.message(channel2, payload);
    }
    return receivers;
  }
  #changed(key) {
    for (const { invalidated, prefixes = [] } of this.listeners)
      if (invalidated && (prefixes.length === 0 || prefixes.some((prefix) => key.startsWith(prefix))))
        invalidated([key]);
  }
  #evaluate(isSha, isReadOnly) {
    return reads(2, (_, [script, count2, ...rest]) => {
      const keys = integer(count2);
      if (keys > rest.length)
        throw new RedisError("ERR Number of keys can't be greater than number of args");
      if (this.#depth > 0) throw new RedisError("ERR This Redis command is not allowed from script");
      this.#depth++;
      try {
        return this.#scripts.run(
          isSha ? script : this.#scripts.load(script),
          rest.slice(0, keys),
          rest.slice(keys),
          isReadOnly
        );
      } finally {
        this.#depth--;
      }
    });
  }
  #serverCommands() {
    return {
      PING: reads(0, (_, [text2]) => text2 ?? new Status("PONG")),
      ECHO: reads(1, (_, [text2]) => text2),
      TIME: reads(0, () => {
        const micros = this.micros();
        return [String(Math.floor(micros / 1e6)), String(micros % 1e6)];
      }),
      PUBLISH: reads(2, (_, [channel2, payload]) => this.#publish(channel2, payload)),
      SPUBLISH: reads(2, (_, [channel2, payload]) => this.#publish(channel2, payload)),
      DBSIZE: reads(0, ({ database }) => database.keys().length),
      FLUSHALL: reads(0, () => this.flush()),
      FLUSHDB: reads(0, () => this.flush()),
      WAIT: reads(2, () => 0),
      ROLE: reads(0, () => ["master", 0, []]),
      INFO: reads(
        0,
        () => "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\ntcp_port:0\r\n# Memory\r\nmaxmemory:0\r\n"
      ),
      EVAL: this.#evaluate(false, false),
      EVAL_RO: this.#evaluate(false, true),
      EVALSHA: this.#evaluate(true, false),
      EVALSHA_RO: this.#evaluate(true, true),
      SCRIPT: reads(1, (_, [what, ...rest]) => {
        switch (what.toUpperCase()) {
          case "LOAD":
            return this.#scripts.load(rest[0] ?? "");
          case "EXISTS":
            return rest.map((sha) => this.#scripts.has(sha) ? 1 : 0);
          case "FLUSH":
            this.#scripts.clear();
            return OK;
          default:
            throw new RedisError(`ERR unknown subcommand '${what}'`);
        }
      }),
      CONFIG: reads(1, (_, [what, name]) => {
        if (what.toUpperCase() !== "GET")
          throw new RedisError("ERR CONFIG is not supported in memory");
        return name === "maxmemory-samples" ? [name, "5"] : [];
      }),
      CLIENT: reads(1, (_, [what, ...rest]) => {
        if (what.toUpperCase() === "ID") return 1;
        if (what.toUpperCase() === "INFO") return "id=1 name= db=0 resp=2";
        if (what.toUpperCase() === "KILL" && rest.map((one) => one.toUpperCase()).includes("PUBSUB")) {
          const listeners = [...this.listeners];
          for (const listener of listeners) listener.killed();
          return listeners.length;
        }
        return OK;
      })
    };
  }
};
function memoryDriver(options2 = {}) {
  const check = checkOptions("memoryDriver", options2, ["server", "timeout"]);
  if (check.has("server") && !(options2.server instanceof MemoryServer))
    check.fail("server", "a MemoryServer");
  const server = options2.server ?? new MemoryServer();
  const timeout = check.duration("timeout", 1e3);
  const subscriptions = /* @__PURE__ */ new Set();
  const main = new CommandQueue(server, timeout);
  const queues = /* @__PURE__ */ new Set([main]);
  const send = (commands, how) => main.send(commands, how);
  return {
    name: "memory",
    topology: "standalone",
    server,
    faults: server.faults,
    setClock: (offset) => server.setClock(offset),
    flush: () => void server.flush(),
    send,
    group: (keys) => keys.length === 0 ? [] : [[...keys]],
    silentFor: () => main.silentFor,
    async dedicate() {
      if (main.isClosed) throw closed();
      const own = new CommandQueue(server, void 0);
      queues.add(own);
      return {
        send: (commands, how) => own.send(commands, how),
        async close() {
          own.close();
          queues.delete(own);
        }
      };
    },
    async subscribe(channels2, events, how) {
      if (main.isClosed) throw closed();
      const subscription = new MemorySubscription(
        server,
        channels2,
        events,
        how,
        () => subscriptions.delete(subscription)
      );
      subscriptions.add(subscription);
      return subscription;
    },
    nodes: async () => [{ id: "memory", send }],
    async close() {
      for (const queue2 of queues) queue2.close();
      for (const subscription of subscriptions) await subscription.close();
    }
  };
}

// ../../packages/ratelimit/dist/index.js
init_globals();

// ../../node_modules/.pnpm/lru-cache@11.5.3/node_modules/lru-cache/dist/esm/browser/index.min.js
init_globals();
var L = { hasSubscribers: false };
var S = L;
var W = L;
var M = typeof performance == "object" && performance && typeof performance.now == "function" ? performance : Date;
var R = () => S.hasSubscribers || W.hasSubscribers;
var j = /* @__PURE__ */ new Set();
var I = typeof process == "object" && process ? process : {};
var P = (d3, e, t, i) => {
  typeof I.emitWarning == "function" ? I.emitWarning(d3, e, t, i) : console.error(`[${t}] ${e}: ${d3}`);
};
var k = (d3) => !j.has(d3);
var T = (d3) => !!d3 && d3 === Math.floor(d3) && d3 > 0 && isFinite(d3);
var G = (d3) => T(d3) ? d3 <= Math.pow(2, 8) ? Uint8Array : d3 <= Math.pow(2, 16) ? Uint16Array : d3 <= Math.pow(2, 32) ? Uint32Array : d3 <= Number.MAX_SAFE_INTEGER ? O : null : null;
var O = class extends Array {
  constructor(e) {
    super(e), this.fill(0);
  }
};
var x = class d {
  heap;
  length;
  static #o = false;
  static create(e) {
    let t = G(e);
    if (!t) return [];
    d.#o = true;
    let i = new d(e, t);
    return d.#o = false, i;
  }
  constructor(e, t) {
    if (!d.#o) throw new TypeError("instantiate Stack using Stack.create(n)");
    this.heap = new t(e), this.length = 0;
  }
  push(e) {
    this.heap[this.length++] = e;
  }
  pop() {
    return this.heap[--this.length];
  }
};
var U = class d2 {
  #o;
  #c;
  #S;
  #O;
  #w;
  #M;
  #I;
  #m;
  get perf() {
    return this.#m;
  }
  ttl;
  ttlResolution;
  ttlAutopurge;
  updateAgeOnGet;
  updateAgeOnHas;
  allowStale;
  noDisposeOnSet;
  noUpdateTTL;
  maxEntrySize;
  sizeCalculation;
  noDeleteOnFetchRejection;
  noDeleteOnStaleGet;
  allowStaleOnFetchAbort;
  allowStaleOnFetchRejection;
  ignoreFetchAbort;
  backgroundFetchSize;
  #n;
  #b;
  #s;
  #i;
  #t;
  #l;
  #u;
  #a;
  #h;
  #y;
  #r;
  #_;
  #F;
  #d;
  #g;
  #T;
  #U;
  #f;
  #D;
  static unsafeExposeInternals(e) {
    return { starts: e.#F, ttls: e.#d, autopurgeTimers: e.#g, sizes: e.#_, keyMap: e.#s, keyList: e.#i, valList: e.#t, next: e.#l, prev: e.#u, get head() {
      return e.#a;
    }, get tail() {
      return e.#h;
    }, free: e.#y, isBackgroundFetch: (t) => e.#e(t), backgroundFetch: (t, i, s, n) => e.#P(t, i, s, n), moveToTail: (t) => e.#L(t), indexes: (t) => e.#A(t), rindexes: (t) => e.#z(t), isStale: (t) => e.#p(t) };
  }
  get max() {
    return this.#o;
  }
  get maxSize() {
    return this.#c;
  }
  get calculatedSize() {
    return this.#b;
  }
  get size() {
    return this.#n;
  }
  get fetchMethod() {
    return this.#M;
  }
  get memoMethod() {
    return this.#I;
  }
  get dispose() {
    return this.#S;
  }
  get onInsert() {
    return this.#O;
  }
  get disposeAfter() {
    return this.#w;
  }
  constructor(e) {
    let { max: t = 0, ttl: i, ttlResolution: s = 1, ttlAutopurge: n, updateAgeOnGet: o, updateAgeOnHas: l, allowStale: h, dispose: r, onInsert: c, disposeAfter: m, noDisposeOnSet: _, noUpdateTTL: u, maxSize: g = 0, maxEntrySize: f = 0, sizeCalculation: y, fetchMethod: a, memoMethod: w, noDeleteOnFetchRejection: F, noDeleteOnStaleGet: b, allowStaleOnFetchRejection: p, allowStaleOnFetchAbort: A, ignoreFetchAbort: z, backgroundFetchSize: C = 1, perf: E } = e;
    if (this.backgroundFetchSize = C, E !== void 0 && typeof E?.now != "function") throw new TypeError("perf option must have a now() method if specified");
    if (this.#m = E ?? M, t !== 0 && !T(t)) throw new TypeError("max option must be a nonnegative integer");
    let v = t ? G(t) : Array;
    if (!v) throw new Error("invalid max value: " + t);
    if (this.#o = t, this.#c = g, this.maxEntrySize = f || this.#c, this.sizeCalculation = y, this.sizeCalculation) {
      if (!this.#c && !this.maxEntrySize) throw new TypeError("cannot set sizeCalculation without setting maxSize or maxEntrySize");
      if (typeof this.sizeCalculation != "function") throw new TypeError("sizeCalculation set to non-function");
    }
    if (w !== void 0 && typeof w != "function") throw new TypeError("memoMethod must be a function if defined");
    if (this.#I = w, a !== void 0 && typeof a != "function") throw new TypeError("fetchMethod must be a function if specified");
    if (this.#M = a, this.#U = !!a, this.#s = /* @__PURE__ */ new Map(), this.#i = Array.from({ length: t }).fill(void 0), this.#t = Array.from({ length: t }).fill(void 0), this.#l = new v(t), this.#u = new v(t), this.#a = 0, this.#h = 0, this.#y = x.create(t), this.#n = 0, this.#b = 0, typeof r == "function" && (this.#S = r), typeof c == "function" && (this.#O = c), typeof m == "function" ? (this.#w = m, this.#r = []) : (this.#w = void 0, this.#r = void 0), this.#T = !!this.#S, this.#D = !!this.#O, this.#f = !!this.#w, this.noDisposeOnSet = !!_, this.noUpdateTTL = !!u, this.noDeleteOnFetchRejection = !!F, this.allowStaleOnFetchRejection = !!p, this.allowStaleOnFetchAbort = !!A, this.ignoreFetchAbort = !!z, this.maxEntrySize !== 0) {
      if (this.#c !== 0 && !T(this.#c)) throw new TypeError("maxSize must be a positive integer if specified");
      if (!T(this.maxEntrySize)) throw new TypeError("maxEntrySize must be a positive integer if specified");
      this.#X();
    }
    if (this.allowStale = !!h, this.noDeleteOnStaleGet = !!b, this.updateAgeOnGet = !!o, this.updateAgeOnHas = !!l, this.ttlResolution = T(s) || s === 0 ? s : 1, this.ttlAutopurge = !!n, this.ttl = i || 0, this.ttl) {
      if (!T(this.ttl)) throw new TypeError("ttl must be a positive integer if specified");
      this.#k();
    }
    if (this.#o === 0 && this.ttl === 0 && this.#c === 0) throw new TypeError("At least one of max, maxSize, or ttl is required");
    if (!this.ttlAutopurge && !this.#o && !this.#c) {
      let D = "LRU_CACHE_UNBOUNDED";
      k(D) && (j.add(D), P("TTL caching without ttlAutopurge, max, or maxSize can result in unbounded memory consumption.", "UnboundedCacheWarning", D, d2));
    }
  }
  getRemainingTTL(e) {
    return this.#s.has(e) ? 1 / 0 : 0;
  }
  #k() {
    let e = new O(this.#o), t = new O(this.#o);
    this.#d = e, this.#F = t;
    let i = this.ttlAutopurge ? Array.from({ length: this.#o }) : void 0;
    this.#g = i, this.#H = (h, r, c = this.#m.now()) => {
      t[h] = r !== 0 ? c : 0, e[h] = r, s(h, r);
    }, this.#R = (h) => {
      t[h] = e[h] !== 0 ? this.#m.now() : 0, s(h, e[h]);
    };
    let s = this.ttlAutopurge ? (h, r) => {
      if (i?.[h] && (clearTimeout(i[h]), i[h] = void 0), r && r !== 0 && i) {
        let c = setTimeout(() => {
          this.#p(h) ? (this.#E(this.#i[h], "expire"), i[h] = void 0) : s(h, l(h));
        }, r + 1);
        c.unref && c.unref(), i[h] = c;
      }
    } : () => {
    };
    this.#v = (h, r) => {
      if (e[r]) {
        let c = e[r], m = t[r];
        if (!c || !m) return;
        h.ttl = c, h.start = m, h.now = n || o();
        let _ = h.now - m;
        h.remainingTTL = c - _;
      }
    };
    let n = 0, o = () => {
      let h = this.#m.now();
      if (this.ttlResolution > 0) {
        n = h;
        let r = setTimeout(() => n = 0, this.ttlResolution);
        r.unref && r.unref();
      }
      return h;
    };
    this.getRemainingTTL = (h) => {
      let r = this.#s.get(h);
      return r === void 0 ? 0 : l(r);
    };
    let l = (h) => {
      let r = e[h], c = t[h];
      if (!r || !c) return 1 / 0;
      let m = (n || o()) - c;
      return r - m;
    };
    this.#p = (h) => {
      let r = t[h], c = e[h];
      return !!c && !!r && (n || o()) - r > c;
    };
  }
  #R = () => {
  };
  #v = () => {
  };
  #H = () => {
  };
  #p = () => false;
  #X() {
    let e = new O(this.#o);
    this.#b = 0, this.#_ = e, this.#x = (t) => {
      this.#b -= e[t], e[t] = 0;
    }, this.#N = (t, i, s, n) => {
      if (!T(s)) {
        if (this.#e(i)) return this.backgroundFetchSize;
        if (n) {
          if (typeof n != "function") throw new TypeError("sizeCalculation must be a function");
          if (s = n(i, t), !T(s)) throw new TypeError("sizeCalculation return invalid (expect positive integer)");
        } else throw new TypeError("invalid size value (must be positive integer). When maxSize or maxEntrySize is used, sizeCalculation or size must be set.");
      }
      return s;
    }, this.#j = (t, i, s) => {
      if (e[t] = i, this.#c) {
        let n = this.#c - e[t];
        for (; this.#b > n; ) this.#G(true);
      }
      this.#b += e[t], s && (s.entrySize = i, s.totalCalculatedSize = this.#b);
    };
  }
  #x = (e) => {
  };
  #j = (e, t, i) => {
  };
  #N = (e, t, i, s) => {
    if (i || s) throw new TypeError("cannot set size without setting maxSize or maxEntrySize on cache");
    return 0;
  };
  *#A({ allowStale: e = this.allowStale } = {}) {
    if (this.#n) for (let t = this.#h; this.#V(t) && ((e || !this.#p(t)) && (yield t), t !== this.#a); ) t = this.#u[t];
  }
  *#z({ allowStale: e = this.allowStale } = {}) {
    if (this.#n) for (let t = this.#a; this.#V(t) && ((e || !this.#p(t)) && (yield t), t !== this.#h); ) t = this.#l[t];
  }
  #V(e) {
    return e !== void 0 && this.#s.get(this.#i[e]) === e;
  }
  *entries() {
    for (let e of this.#A()) this.#t[e] !== void 0 && this.#i[e] !== void 0 && !this.#e(this.#t[e]) && (yield [this.#i[e], this.#t[e]]);
  }
  *rentries() {
    for (let e of this.#z()) this.#t[e] !== void 0 && this.#i[e] !== void 0 && !this.#e(this.#t[e]) && (yield [this.#i[e], this.#t[e]]);
  }
  *keys() {
    for (let e of this.#A()) {
      let t = this.#i[e];
      t !== void 0 && !this.#e(this.#t[e]) && (yield t);
    }
  }
  *rkeys() {
    for (let e of this.#z()) {
      let t = this.#i[e];
      t !== void 0 && !this.#e(this.#t[e]) && (yield t);
    }
  }
  *values() {
    for (let e of this.#A()) this.#t[e] !== void 0 && !this.#e(this.#t[e]) && (yield this.#t[e]);
  }
  *rvalues() {
    for (let e of this.#z()) this.#t[e] !== void 0 && !this.#e(this.#t[e]) && (yield this.#t[e]);
  }
  [Symbol.iterator]() {
    return this.entries();
  }
  [Symbol.toStringTag] = "LRUCache";
  find(e, t = {}) {
    for (let i of this.#A()) {
      let s = this.#t[i], n = this.#e(s) ? s.__staleWhileFetching : s;
      if (n !== void 0 && e(n, this.#i[i], this)) return this.#C(this.#i[i], t);
    }
  }
  forEach(e, t = this) {
    for (let i of this.#A()) {
      let s = this.#t[i], n = this.#e(s) ? s.__staleWhileFetching : s;
      n !== void 0 && e.call(t, n, this.#i[i], this);
    }
  }
  rforEach(e, t = this) {
    for (let i of this.#z()) {
      let s = this.#t[i], n = this.#e(s) ? s.__staleWhileFetching : s;
      n !== void 0 && e.call(t, n, this.#i[i], this);
    }
  }
  purgeStale() {
    let e = false;
    for (let t of this.#z({ allowStale: true })) this.#p(t) && (this.#E(this.#i[t], "expire"), e = true);
    return e;
  }
  info(e) {
    let t = this.#s.get(e);
    if (t === void 0) return;
    let i = this.#t[t], s = this.#e(i) ? i.__staleWhileFetching : i;
    if (s === void 0) return;
    let n = { value: s };
    if (this.#d && this.#F) {
      let o = this.#d[t], l = this.#F[t];
      if (o && l) {
        let h = o - (this.#m.now() - l);
        n.ttl = h, n.start = Date.now();
      }
    }
    return this.#_ && (n.size = this.#_[t]), n;
  }
  dump() {
    let e = [];
    for (let t of this.#A({ allowStale: true })) {
      let i = this.#i[t], s = this.#t[t], n = this.#e(s) ? s.__staleWhileFetching : s;
      if (n === void 0 || i === void 0) continue;
      let o = { value: n };
      if (this.#d && this.#F) {
        o.ttl = this.#d[t];
        let l = this.#m.now() - this.#F[t];
        o.start = Math.floor(Date.now() - l);
      }
      this.#_ && (o.size = this.#_[t]), e.unshift([i, o]);
    }
    return e;
  }
  load(e) {
    this.clear();
    for (let [t, i] of e) {
      if (i.start) {
        let s = Date.now() - i.start;
        i.start = this.#m.now() - s;
      }
      this.#W(t, i.value, i);
    }
  }
  set(e, t, i = {}) {
    let { status: s = S.hasSubscribers ? {} : void 0 } = i;
    i.status = s, s && (s.op = "set", s.key = e, t !== void 0 && (s.value = t), s.cache = this);
    let n = this.#W(e, t, i);
    return s && S.hasSubscribers && S.publish(s), n;
  }
  #W(e, t, i, s) {
    let { ttl: n = this.ttl, start: o, noDisposeOnSet: l = this.noDisposeOnSet, sizeCalculation: h = this.sizeCalculation, status: r } = i, c = this.#e(t);
    if (t === void 0) return r && (r.set = "deleted"), this.delete(e), this;
    let { noUpdateTTL: m = this.noUpdateTTL } = i;
    r && !c && (r.value = t);
    let _ = this.#N(e, t, i.size || 0, h, r);
    if (this.maxEntrySize && _ > this.maxEntrySize) return this.#E(e, "set"), r && (r.set = "miss", r.maxEntrySizeExceeded = true), this;
    let u = this.#n === 0 ? void 0 : this.#s.get(e);
    if (u === void 0) u = this.#n === 0 ? this.#h : this.#y.length !== 0 ? this.#y.pop() : this.#n === this.#o ? this.#G(false) : this.#n, this.#i[u] = e, this.#t[u] = t, this.#s.set(e, u), this.#l[this.#h] = u, this.#u[u] = this.#h, this.#h = u, this.#n++, this.#j(u, _, r), r && (r.set = "add"), m = false, this.#D && !c && this.#O?.(t, e, "add");
    else {
      this.#L(u);
      let g = this.#t[u];
      if (t !== g) {
        if (!l) if (this.#e(g)) {
          g !== s && g.__abortController.abort(new Error("replaced"));
          let { __staleWhileFetching: f } = g;
          f !== void 0 && f !== t && (this.#T && this.#S?.(f, e, "set"), this.#f && this.#r?.push([f, e, "set"]));
        } else this.#T && this.#S?.(g, e, "set"), this.#f && this.#r?.push([g, e, "set"]);
        if (this.#x(u), this.#j(u, _, r), this.#t[u] = t, !c) {
          let f = g && this.#e(g) ? g.__staleWhileFetching : g, y = f === void 0 ? "add" : t !== f ? "replace" : "update";
          r && (r.set = y, f !== void 0 && (r.oldValue = f)), this.#D && this.onInsert?.(t, e, y);
        }
      } else c || (r && (r.set = "update"), this.#D && this.onInsert?.(t, e, "update"));
    }
    if (n !== 0 && !this.#d && this.#k(), this.#d && (m || this.#H(u, n, o), r && this.#v(r, u)), !l && this.#f && this.#r) {
      let g = this.#r, f;
      for (; f = g?.shift(); ) this.#w?.(...f);
    }
    return this;
  }
  pop() {
    try {
      for (; this.#n; ) {
        let e = this.#t[this.#a];
        if (this.#G(true), this.#e(e)) {
          if (e.__staleWhileFetching) return e.__staleWhileFetching;
        } else if (e !== void 0) return e;
      }
    } finally {
      if (this.#f && this.#r) {
        let e = this.#r, t;
        for (; t = e?.shift(); ) this.#w?.(...t);
      }
    }
  }
  #G(e) {
    let t = this.#a, i = this.#i[t], s = this.#t[t], n = this.#e(s);
    n && s.__abortController.abort(new Error("evicted"));
    let o = n ? s.__staleWhileFetching : s;
    return (this.#T || this.#f) && o !== void 0 && (this.#T && this.#S?.(o, i, "evict"), this.#f && this.#r?.push([o, i, "evict"])), this.#x(t), this.#g?.[t] && (clearTimeout(this.#g[t]), this.#g[t] = void 0), e && (this.#i[t] = void 0, this.#t[t] = void 0, this.#y.push(t)), this.#n === 1 ? (this.#a = this.#h = 0, this.#y.length = 0) : this.#a = this.#l[t], this.#s.delete(i), this.#n--, t;
  }
  has(e, t = {}) {
    let { status: i = S.hasSubscribers ? {} : void 0 } = t;
    t.status = i, i && (i.op = "has", i.key = e, i.cache = this);
    let s = this.#Y(e, t);
    return S.hasSubscribers && S.publish(i), s;
  }
  #Y(e, t = {}) {
    let { updateAgeOnHas: i = this.updateAgeOnHas, status: s } = t, n = this.#s.get(e);
    if (n !== void 0) {
      let o = this.#t[n];
      if (this.#e(o) && o.__staleWhileFetching === void 0) return false;
      if (this.#p(n)) s && (s.has = "stale", this.#v(s, n));
      else return i && this.#R(n), s && (s.has = "hit", this.#v(s, n)), true;
    } else s && (s.has = "miss");
    return false;
  }
  peek(e, t = {}) {
    let { status: i = R() ? {} : void 0 } = t;
    i && (i.op = "peek", i.key = e, i.cache = this), t.status = i;
    let s = this.#J(e, t);
    return S.hasSubscribers && S.publish(i), s;
  }
  #J(e, t) {
    let { status: i, allowStale: s = this.allowStale } = t, n = this.#s.get(e);
    if (n === void 0 || !s && this.#p(n)) {
      i && (i.peek = n === void 0 ? "miss" : "stale");
      return;
    }
    let o = this.#t[n], l = this.#e(o) ? o.__staleWhileFetching : o;
    return i && (l !== void 0 ? (i.peek = "hit", i.value = l) : i.peek = "miss"), l;
  }
  #P(e, t, i, s) {
    let n = t === void 0 ? void 0 : this.#t[t];
    if (this.#e(n)) return n;
    let o = new AbortController(), { signal: l } = i;
    l?.addEventListener("abort", () => o.abort(l.reason), { signal: o.signal });
    let h = { signal: o.signal, options: i, context: s }, r = (f, y = false) => {
      let { aborted: a } = o.signal, w = i.ignoreFetchAbort && f !== void 0, F = i.ignoreFetchAbort || !!(i.allowStaleOnFetchAbort && f !== void 0);
      if (i.status && (a && !y ? (i.status.fetchAborted = true, i.status.fetchError = o.signal.reason, w && (i.status.fetchAbortIgnored = true)) : i.status.fetchResolved = true), a && !w && !y) return m(o.signal.reason, F);
      let b = u, p = this.#t[t];
      return (p === u || p === void 0 && w && y) && (f === void 0 ? b.__staleWhileFetching !== void 0 ? this.#t[t] = b.__staleWhileFetching : this.#E(e, "fetch") : (i.status && (i.status.fetchUpdated = true), this.#W(e, f, h.options, b))), f;
    }, c = (f) => (i.status && (i.status.fetchRejected = true, i.status.fetchError = f), m(f, false)), m = (f, y) => {
      let { aborted: a } = o.signal, w = a && i.allowStaleOnFetchAbort, F = w || i.allowStaleOnFetchRejection, b = F || i.noDeleteOnFetchRejection, p = u;
      if (this.#t[t] === u && (!b || !y && p.__staleWhileFetching === void 0 ? this.#E(e, "fetch") : w || (this.#t[t] = p.__staleWhileFetching)), F) return i.status && p.__staleWhileFetching !== void 0 && (i.status.returnedStale = true), p.__staleWhileFetching;
      if (p.__returned === p) throw f;
    }, _ = (f, y) => {
      let a = this.#M?.(e, n, h);
      o.signal.addEventListener("abort", () => {
        (!i.ignoreFetchAbort || i.allowStaleOnFetchAbort) && (f(void 0), i.allowStaleOnFetchAbort && (f = (w) => r(w, true)));
      }), a && a instanceof Promise ? a.then((w) => f(w === void 0 ? void 0 : w), y) : a !== void 0 && f(a);
    };
    i.status && (i.status.fetchDispatched = true);
    let u = new Promise(_).then(r, c), g = Object.assign(u, { __abortController: o, __staleWhileFetching: n, __returned: void 0 });
    return t === void 0 ? (this.#W(e, g, { ...h.options, status: void 0 }), t = this.#s.get(e)) : this.#t[t] = g, g;
  }
  #e(e) {
    if (!this.#U) return false;
    let t = e;
    return !!t && t instanceof Promise && t.hasOwnProperty("__staleWhileFetching") && t.__abortController instanceof AbortController;
  }
  fetch(e, t = {}) {
    let i = W.hasSubscribers, { status: s = R() ? {} : void 0 } = t;
    t.status = s, s && t.context && (s.context = t.context);
    let n = this.#B(e, t);
    return s && i && (s.trace = true, W.tracePromise(() => n, s).catch(() => {
    })), n;
  }
  async #B(e, t = {}) {
    let { allowStale: i = this.allowStale, updateAgeOnGet: s = this.updateAgeOnGet, noDeleteOnStaleGet: n = this.noDeleteOnStaleGet, ttl: o = this.ttl, noDisposeOnSet: l = this.noDisposeOnSet, size: h = 0, sizeCalculation: r = this.sizeCalculation, noUpdateTTL: c = this.noUpdateTTL, noDeleteOnFetchRejection: m = this.noDeleteOnFetchRejection, allowStaleOnFetchRejection: _ = this.allowStaleOnFetchRejection, ignoreFetchAbort: u = this.ignoreFetchAbort, allowStaleOnFetchAbort: g = this.allowStaleOnFetchAbort, context: f, forceRefresh: y = false, status: a, signal: w } = t;
    if (a && (a.op = "fetch", a.key = e, y && (a.forceRefresh = true), a.cache = this), !this.#U) return a && (a.fetch = "get"), this.#C(e, { allowStale: i, updateAgeOnGet: s, noDeleteOnStaleGet: n, status: a });
    let F = { allowStale: i, updateAgeOnGet: s, noDeleteOnStaleGet: n, ttl: o, noDisposeOnSet: l, size: h, sizeCalculation: r, noUpdateTTL: c, noDeleteOnFetchRejection: m, allowStaleOnFetchRejection: _, allowStaleOnFetchAbort: g, ignoreFetchAbort: u, status: a, signal: w }, b = this.#s.get(e);
    if (b === void 0) {
      a && (a.fetch = "miss");
      let p = this.#P(e, b, F, f);
      return p.__returned = p;
    } else {
      let p = this.#t[b];
      if (this.#e(p)) {
        let v = i && p.__staleWhileFetching !== void 0;
        return a && (a.fetch = "inflight", v && (a.returnedStale = true)), v ? p.__staleWhileFetching : p.__returned = p;
      }
      let A = this.#p(b);
      if (!y && !A) return a && (a.fetch = "hit"), this.#L(b), s && this.#R(b), a && this.#v(a, b), p;
      let z = this.#P(e, b, F, f), E = z.__staleWhileFetching !== void 0 && i;
      return a && (a.fetch = A ? "stale" : "refresh", E && A && (a.returnedStale = true)), E ? z.__staleWhileFetching : z.__returned = z;
    }
  }
  forceFetch(e, t = {}) {
    let i = W.hasSubscribers, { status: s = R() ? {} : void 0 } = t;
    t.status = s, s && t.context && (s.context = t.context);
    let n = this.#K(e, t);
    return s && i && (s.trace = true, W.tracePromise(() => n, s).catch(() => {
    })), n;
  }
  async #K(e, t = {}) {
    let i = await this.#B(e, t);
    if (i === void 0) throw new Error("fetch() returned undefined");
    return i;
  }
  memo(e, t = {}) {
    let { status: i = S.hasSubscribers ? {} : void 0 } = t;
    t.status = i, i && (i.op = "memo", i.key = e, t.context && (i.context = t.context), i.cache = this);
    let s = this.#Q(e, t);
    return i && (i.value = s), S.hasSubscribers && S.publish(i), s;
  }
  #Q(e, t = {}) {
    let i = this.#I;
    if (!i) throw new Error("no memoMethod provided to constructor");
    let { context: s, status: n, forceRefresh: o, ...l } = t;
    n && o && (n.forceRefresh = true);
    let h = this.#C(e, l), r = o || h === void 0;
    if (n && (n.memo = r ? "miss" : "hit", r || (n.value = h)), !r) return h;
    let c = i(e, h, { options: l, context: s });
    return n && (n.value = c), this.#W(e, c, l), c;
  }
  get(e, t = {}) {
    let { status: i = S.hasSubscribers ? {} : void 0 } = t;
    t.status = i, i && (i.op = "get", i.key = e, i.cache = this);
    let s = this.#C(e, t);
    return i && (s !== void 0 && (i.value = s), S.hasSubscribers && S.publish(i)), s;
  }
  #C(e, t = {}) {
    let { allowStale: i = this.allowStale, updateAgeOnGet: s = this.updateAgeOnGet, noDeleteOnStaleGet: n = this.noDeleteOnStaleGet, status: o } = t, l = this.#s.get(e);
    if (l === void 0) {
      o && (o.get = "miss");
      return;
    }
    let h = this.#t[l], r = this.#e(h);
    return o && this.#v(o, l), this.#p(l) ? r ? (o && (o.get = "stale-fetching"), i && h.__staleWhileFetching !== void 0 ? (o && (o.returnedStale = true), h.__staleWhileFetching) : void 0) : (n || this.#E(e, "expire"), o && (o.get = "stale"), i ? (o && (o.returnedStale = true), h) : void 0) : (o && (o.get = r ? "fetching" : "hit"), this.#L(l), s && this.#R(l), r ? h.__staleWhileFetching : h);
  }
  #$(e, t) {
    this.#u[t] = e, this.#l[e] = t;
  }
  #L(e) {
    e !== this.#h && (e === this.#a ? this.#a = this.#l[e] : this.#$(this.#u[e], this.#l[e]), this.#$(this.#h, e), this.#h = e);
  }
  delete(e) {
    return this.#E(e, "delete");
  }
  #E(e, t) {
    S.hasSubscribers && S.publish({ op: "delete", delete: t, key: e, cache: this });
    let i = false;
    if (this.#n !== 0) {
      let s = this.#s.get(e);
      if (s !== void 0) if (this.#g?.[s] && (clearTimeout(this.#g[s]), this.#g[s] = void 0), i = true, this.#n === 1) this.#q(t);
      else {
        this.#x(s);
        let n = this.#t[s];
        if (this.#e(n) ? n.__abortController.abort(new Error("deleted")) : (this.#T || this.#f) && (this.#T && this.#S?.(n, e, t), this.#f && this.#r?.push([n, e, t])), this.#s.delete(e), this.#i[s] = void 0, this.#t[s] = void 0, s === this.#h) this.#h = this.#u[s];
        else if (s === this.#a) this.#a = this.#l[s];
        else {
          let o = this.#u[s];
          this.#l[o] = this.#l[s];
          let l = this.#l[s];
          this.#u[l] = this.#u[s];
        }
        this.#n--, this.#y.push(s);
      }
    }
    if (this.#f && this.#r?.length) {
      let s = this.#r, n;
      for (; n = s?.shift(); ) this.#w?.(...n);
    }
    return i;
  }
  clear() {
    return this.#q("delete");
  }
  #q(e) {
    for (let t of this.#z({ allowStale: true })) {
      let i = this.#t[t];
      if (this.#e(i)) i.__abortController.abort(new Error("deleted"));
      else {
        let s = this.#i[t];
        this.#T && this.#S?.(i, s, e), this.#f && this.#r?.push([i, s, e]);
      }
    }
    if (this.#s.clear(), this.#t.fill(void 0), this.#i.fill(void 0), this.#d && this.#F) {
      this.#d.fill(0), this.#F.fill(0);
      for (let t of this.#g ?? []) t !== void 0 && clearTimeout(t);
      this.#g?.fill(void 0);
    }
    if (this.#_ && this.#_.fill(0), this.#a = 0, this.#h = 0, this.#y.length = 0, this.#b = 0, this.#n = 0, this.#f && this.#r) {
      let t = this.#r, i;
      for (; i = t?.shift(); ) this.#w?.(...i);
    }
  }
};

// ../../packages/ratelimit/dist/index.js
var deadlines = new Deadlines({ forReplies: true });
function withinDeadline(pending, ms, onLate) {
  return new Promise((resolve, reject) => {
    let open = true;
    const deadline = deadlines.set(ms, () => {
      open = false;
      reject(
        new CommandTimeoutError(
          `Redis did not decide within ${ms} ms. Raise the "deadline" of the rate limiter if a round trip can take longer.`
        )
      );
    });
    const closes = () => {
      const wasOpen = open;
      open = false;
      deadlines.done(deadline);
      return wasOpen;
    };
    pending.then(
      (value) => closes() ? resolve(value) : onLate(value),
      (error) => {
        if (closes()) reject(error);
      }
    );
  });
}
var LimiterDecision = class {
  allowed;
  granted;
  limits;
  violated;
  retryAfter;
  remaining;
  source;
  receipt;
  #slots;
  constructor({
    limits,
    verdict,
    age = 0,
    source,
    shadow = false,
    receipt,
    slots,
    free = false
  }) {
    const states = [];
    const violated = [];
    let retryAfter = 0;
    let remaining = Infinity;
    for (let i = 0; i < limits.length; i++) {
      const { name, limit } = limits[i];
      const { available, fullAfter, readyAfter } = verdict.limits[i];
      const state = {
        name,
        limit,
        remaining: available,
        resetAfter: toMilliseconds(fullAfter - age),
        retryAfter: toMilliseconds(readyAfter - age)
      };
      states.push(state);
      if (state.retryAfter > 0) violated.push(name);
      if (state.retryAfter > retryAfter) retryAfter = state.retryAfter;
      if (available < remaining) remaining = available;
    }
    this.granted = verdict.granted;
    this.allowed = shadow || free || verdict.granted > 0;
    this.limits = states;
    this.violated = violated;
    this.retryAfter = retryAfter;
    this.remaining = remaining;
    this.source = source;
    this.receipt = receipt;
    this.#slots = slots;
  }
  get satisfiable() {
    return this.retryAfter < Infinity;
  }
  get degraded() {
    return this.source === "outage";
  }
  get signal() {
    return this.#slots?.signal ?? neverAborted;
  }
  async release() {
    await this.#slots?.release();
  }
  [Symbol.asyncDispose]() {
    return this.release();
  }
};
function toMilliseconds(micros) {
  return micros > 0 ? Math.ceil(micros / 1e3) : 0;
}
var neverAborted = new AbortController().signal;
var SlotLostError = class extends CacheError {
  static kind = "SlotLostError";
  constructor(key) {
    super(
      `The concurrency slot of "${key}" is lost: it was not renewed within its ttl, or its key was deleted. Stop the work that it was held for.`,
      { code: "SLOT_LOST", key }
    );
  }
};
function mayHaveRun2(error) {
  return !(error instanceof ServerError) && !(error instanceof CacheError && NOT_SENT_CODES2.has(error.code));
}
function isClosed(error) {
  return error instanceof CacheError && error.code === "CLOSED";
}
var NOT_SENT_CODES2 = /* @__PURE__ */ new Set(["CIRCUIT_OPEN", "OVERLOADED", "CLOSED", "NOT_SENT"]);
var common_default = "-- Functions that all scripts of this package share. They come first in every script.\n-- All times are microseconds since 1970 by the clock of the server, which alone decides. It is read\n-- once for all calls that a script runs.\n-- cost: one TIME for each script\n\nlocal command = redis.call\nlocal format = string.format\nlocal find = string.find\nlocal match = string.match\nlocal sub = string.sub\nlocal pack = struct.pack\nlocal fmod = math.fmod\nlocal min = math.min\nlocal max = math.max\n\nlocal time = command('TIME')\nlocal now = time[1] * 1000000 + time[2]\n\n-- Parses numbers and keeps them: most arguments are the same in all calls of a script.\nlocal numberOf = setmetatable({}, { __index = function(cache, text)\n  local value = tonumber(text)\n  cache[text] = value\n  return value\nend })\n\n-- Divides and rounds down. fmod is exact for integers below 2^53; Lua's own % and / are not.\nlocal function div(a, b)\n  return (a - fmod(a, b)) / b\nend\n\n-- Returns whether all arguments are numbers that a state can contain. They must be exact as\n-- doubles, so times are not beyond the year 2255.\nlocal function areValidNumbers(...)\n  for i = 1, select('#', ...) do\n    local value = tonumber((select(i, ...)))\n    if not value or not (value <= 9007199254740992) then\n      return false\n    end\n  end\n  return true\nend\n\n-- Returns the ttl in ms of a key that is needed until a time. It is a second longer than that: the\n-- state decides what counts, not its expiry.\nlocal function ttlUntil(at)\n  return div(at - now, 1000) + 1000\nend\n\n-- Each state has its own time, which is ahead of the clock by its skew. If the clock was set back\n-- by more than a second since the state was written, the skew grows by as much, so that no time has\n-- passed for the state.\n-- Returns the skew, and whether it has changed.\nlocal function adjustSkew(writtenAt, skew)\n  if now + skew < writtenAt - 1000000 then\n    return writtenAt - now, true\n  end\n  return skew, false\nend\n\n-- Returns the end of a token, which is enough to tell the attempts in a state apart.\nlocal function shortName(token)\n  return sub(token, -12)\nend\n\n-- Appends an attempt to the latest attempts of a state, each written as ',name=granted+wait'. The\n-- oldest ones are dropped.\nlocal function appendAttempt(attempts, token, granted, wait)\n  if #attempts > 320 then\n    attempts = sub(attempts, find(attempts, ',', -240, true))\n  end\n  return format('%s,%s=%.0f+%.0f', attempts, shortName(token), granted, wait)\nend\n\n-- Finds an attempt that has run before. A '/' stands between the attempts of two windows. `start`\n-- is the start of the current window; `older` has the starts of the windows before it, each written\n-- as '|start\u2026', the latest first.\n-- Returns what the attempt was granted, how long it was told to wait, and the start of the window\n-- that it was charged to; or nothing if the attempt has not run.\nlocal function findAttempt(attempts, token, start, older)\n  local name = ',' .. shortName(token) .. '='\n  local from = attempts and find(attempts, name, 1, true)\n  if not from then\n    return\n  end\n  local granted, wait = match(attempts, '^(%d+)%+(%d+)', from + #name)\n  local _, windowsBack = string.gsub(sub(attempts, from), '/', '')\n  for olderStart in string.gmatch(older, '|(%d+)') do\n    if windowsBack == 0 then\n      break\n    end\n    start = tonumber(olderStart)\n    windowsBack = windowsBack - 1\n  end\n  return tonumber(granted), tonumber(wait), windowsBack == 0 and start or nil\nend\n\n-- Makes the attempts of the latest two windows those of one window.\nlocal function mergeAttempts(attempts)\n  local before, after = match(attempts, '^(.*)/(.*)$')\n  return before and before .. after or attempts\nend\n\n-- Lets the script write on a server that is full: Redis allows it after a write that needs no\n-- memory.\nlocal function allowWriteWhenFull(key)\n  command('PEXPIRE', key, max(1, command('PTTL', key)))\nend\n\n-- The kinds of states, by the name that Limit.script gives them. Each is a table of functions, in\n-- sliding-window-log.lua, fixed-window.lua, sliding-window-counter.lua, token-bucket.lua and\n-- slots.lua. `a` and `b` are two numbers whose meaning depends on the kind. Times are microseconds\n-- from now.\n--   inspect(key, limit, a, b, minCost, spendWithin, token, maxCost)\n--     returns the state without charging it, as a table:\n--       available       the cost that can be admitted now\n--       fullAfter       when all of the limit is available\n--       readyAfter      when minCost is available\n--       grantable       the cost that can be granted, if that is not `available`\n--       grantableLater  the cost that can be granted to be spent within spendWithin, if that is\n--                       different again\n--       granted         what this attempt was granted before: a client resends what got no reply\n--       wait            how long this attempt was told to wait before\n--       mark            the mark of this attempt's charge before\n--       denied          whether this attempt was denied before, if the kind remembers denials\n--   charge(key, limit, a, b, granted, wait, spendWithin, token, state)\n--     charges `granted` as if it were spent after wait + spendWithin. Updates `state`: available,\n--     fullAfter, and `mark`, which refund needs. Returns the time within which it can be spent.\n--   rememberDenial(key, token)\n--     remembers that the attempt was denied. Not every kind has this function.\n--   refund(key, a, b, mark, token, charged, chargedAt)\n--     gives a charge back if it still counts. Returns whether it does, and the time until which a\n--     second refund would count as well.\nlocal kinds = {}\n";
var decide_default = "-- Decides on one request against all limits of a limiter, and charges all of them or none. An\n-- attempt that arrives again gets the same answer and is charged nothing more.\n-- If the local `peeking` is true, which a script sets before these files, nothing is charged.\n-- KEYS[i] the state of limit i\n-- ARGV[1] token: identifies the attempt\n-- ARGV[2] minCost  ARGV[3] maxCost: as much as is available is granted, but at least minCost\n-- ARGV[4] \xB5s within which the granted tokens are spent later  ARGV[5] \xB5s that the request can wait\n--   for its turn\n-- then for each limit: kind  limit  a  b (common.lua)\n-- returns big-endian doubles, because a client parses many of them cheaply: now, granted, \xB5s to\n--   wait, \xB5s within which the tokens must be spent; and for each limit: available, \xB5s until all is\n--   available, \xB5s until minCost is available, mark\n-- cost: that of inspect and charge of each kind\n-- needs common.lua, sliding-window-log.lua, fixed-window.lua, sliding-window-counter.lua,\n--   token-bucket.lua, slots.lua\n\nlocal token = ARGV[1]\nlocal minCost = numberOf[ARGV[2]]\nlocal maxCost = numberOf[ARGV[3]]\nlocal spendWithin = numberOf[ARGV[4]]\nlocal maxWait = numberOf[ARGV[5]]\n\nlocal states = {}\nlocal before -- The state that knows what this attempt was granted when it ran before.\nlocal wasDenied = false\nlocal granted = maxCost\nlocal grantableNow = maxCost\nlocal readyAfter = 0\nlocal wait = 0\nfor i = 1, #KEYS do\n  local first = 4 * i + 2\n  local limit = numberOf[ARGV[first + 1]]\n  local a = numberOf[ARGV[first + 2]]\n  local b = numberOf[ARGV[first + 3]]\n  local inspect = kinds[ARGV[first]].inspect\n  local state = inspect(KEYS[i], limit, a, b, minCost, spendWithin, token, maxCost)\n  states[i] = state\n  if state.granted and not peeking and (not before or state.granted < before.granted) then\n    before = state\n  end\n  wasDenied = wasDenied or state.denied\n  local grantable = state.grantable or state.available\n  grantableNow = min(grantableNow, grantable)\n  granted = min(granted, state.grantableLater or grantable)\n  readyAfter = max(readyAfter, state.readyAfter)\nend\n\nif before then\n  granted = max(minCost, before.granted)\n  spendWithin = 0\n  wait = before.wait or 0\nelseif wasDenied then\n  granted = 0\n  spendWithin = 0\nelse\n  if granted < minCost then\n    -- Too little can be spent later. Grants minCost, to be spent at once or when its turn comes.\n    granted = grantableNow >= minCost and minCost or 0\n    spendWithin = 0\n    if granted == 0 and maxWait > 0 and readyAfter <= maxWait then\n      granted = minCost\n      wait = readyAfter\n    end\n  end\n\n  if not peeking then\n    for i = 1, #KEYS do\n      local first = 4 * i + 2\n      local kind = kinds[ARGV[first]]\n      if granted > 0 then\n        local limit = numberOf[ARGV[first + 1]]\n        local a = numberOf[ARGV[first + 2]]\n        local b = numberOf[ARGV[first + 3]]\n        local state = states[i]\n        spendWithin = kind.charge(\n          KEYS[i], limit, a, b, granted, wait, spendWithin, token, state\n        )\n        if wait > 0 then\n          state.available = 0\n        end\n      elseif kind.rememberDenial then\n        kind.rememberDenial(KEYS[i], token)\n      end\n    end\n  end\nend\n\nlocal function verdictOf(state)\n  local ready = granted > 0 and 0 or state.readyAfter\n  return max(0, state.available), state.fullAfter, ready, state.mark or 0\nend\n\nlocal reply = pack('>dddddddd', now, granted, wait, spendWithin, verdictOf(states[1]))\nfor i = 2, #KEYS do\n  reply = reply .. pack('>dddd', verdictOf(states[i]))\nend\nreturn reply\n";
var ended_attempts_default = "-- Remembers the attempts that take no slot any more, although they may arrive late or once more:\n-- the token of each released slot, and 'token:denied' of each denied attempt.\n-- State: a sorted set whose scores are the times until which they are remembered. Its key is that\n-- of the slots with ':released' at the end, in the same Cluster slot. It is not among KEYS: while a\n-- Cluster slot moves, Redis refuses a call with two keys of which only one has moved (TRYAGAIN). If\n-- Redis refuses to remember an attempt here, it is not remembered; no decision changes because of\n-- it.\n-- cost: O(log n) in the attempts that are remembered\n-- needs common.lua\n\nlocal function hasEnded(key, name)\n  return type(redis.pcall('ZSCORE', key .. ':released', name)) == 'string'\nend\n\nlocal function rememberEnded(key, name, duration)\n  local endedKey = key .. ':released'\n  if type(redis.pcall('ZADD', endedKey, 'GT', now + duration, name)) == 'table' then\n    return\n  end\n  command('ZREMRANGEBYSCORE', endedKey, '-inf', now)\n  command('PEXPIRE', endedKey, max(command('PTTL', endedKey), ttlUntil(now + duration)))\nend\n";
var fixed_window_default = "-- fixedWindow: a counter for each window.\n-- State: a string 'writtenAt skew start used older;attempts'\n--   writtenAt  the time of the latest write\n--   skew       by how much the state's own time is ahead of the clock (adjustSkew)\n--   start      when the current window began, or begins if it was booked\n--   used       the cost charged to it\n--   older      the windows before one that was booked, each as '|start used', the latest first\n--   attempts   the latest attempts of these windows (appendAttempt)\n-- All times are the state's own.\n-- a: the window\n-- cost: O(1)\n-- needs common.lua\n\nlocal function writeFixed(key, at, skew, start, used, older, attempts, ...)\n  local state = format('%.0f %.0f %.0f %.0f%s;%s', at, skew, start, used, older, attempts)\n  command('SET', key, state, ...)\nend\n\n-- Returns the state's own time of now, and its fields without writtenAt; nothing if there is none.\nlocal function readFixed(key)\n  local pattern = '^(%d+) (%d+) (%d+) (%d+)([| %d]*);(.*)$'\n  local writtenAt, skew, start, used, older, attempts = match(command('GET', key) or '', pattern)\n  if not writtenAt or not areValidNumbers(writtenAt, skew, start, used) then\n    return\n  end\n  start = tonumber(start)\n  used = tonumber(used)\n  local changed\n  skew, changed = adjustSkew(tonumber(writtenAt), tonumber(skew))\n  if changed then\n    allowWriteWhenFull(key)\n    writeFixed(key, writtenAt, skew, start, used, older, attempts, 'KEEPTTL')\n  end\n  return now + skew, skew, start, used, older, attempts\nend\n\nkinds.fixed = {\n  inspect = function(key, limit, window, b, minCost, spendWithin, token)\n    local stateNow, skew, start, used, older, attempts = readFixed(key)\n    local open = start and stateNow < start + window and (used > 0 or stateNow < start)\n    if not open then\n      return {\n        available = limit,\n        fullAfter = 0,\n        readyAfter = 0,\n        used = 0,\n        skew = skew or 0,\n        older = '',\n        attempts = attempts or '',\n        granted = findAttempt(attempts, token, nil, ''),\n      }\n    end\n    local state = {\n      available = limit - used,\n      fullAfter = 0,\n      readyAfter = 0,\n      start = start,\n      used = used,\n      skew = skew,\n      older = older,\n      attempts = attempts,\n    }\n    state.granted, state.wait, state.mark = findAttempt(attempts, token, start, older)\n    local isBooked = stateNow < start\n    if used > 0 then\n      state.fullAfter = start + window - stateNow\n    elseif isBooked then\n      state.fullAfter = start - stateNow\n    end\n    if state.available < minCost then\n      state.readyAfter = start + window - stateNow\n    elseif isBooked then\n      state.readyAfter = start - stateNow\n    end\n    if isBooked then\n      state.available = 0\n    end\n    return state\n  end,\n\n  charge = function(key, limit, window, b, granted, wait, spendWithin, token, state)\n    local stateNow = now + state.skew\n    local at = stateNow + wait\n    local start = state.start\n    local used = state.used + granted\n    local older = state.older\n    local attempts = state.attempts\n    local isSameWindow = start and at < start + window\n    if not isSameWindow and start and at > stateNow then\n      -- This window becomes current again if the one that is booked after it is refunded.\n      older = format('|%.0f %.0f%s', start, state.used, older)\n      attempts = attempts .. '/'\n    elseif not isSameWindow or older ~= '' and start <= stateNow then\n      older = ''\n      attempts = ''\n    end\n    attempts = appendAttempt(attempts, token, granted, wait)\n    if isSameWindow then\n      writeFixed(key, stateNow, state.skew, start, used, older, attempts, 'KEEPTTL')\n    else\n      start = at\n      used = granted\n      local ttl = ttlUntil(start + window - state.skew)\n      writeFixed(key, stateNow, state.skew, start, used, older, attempts, 'PX', ttl)\n    end\n    state.available = limit - used\n    state.fullAfter = start + window - stateNow\n    state.mark = start\n    return min(spendWithin, start + window - at)\n  end,\n\n  refund = function(key, window, b, mark, token, charged)\n    local stateNow, skew, start, used, older, attempts = readFixed(key)\n    if not start or stateNow >= mark + window then\n      return false, 0\n    end\n    if start == mark then\n      used = max(0, used - charged)\n    else\n      local from, to, olderUsed = find(older, format('|%.0f (%%d+)', mark))\n      if not from then\n        return false, 0\n      end\n      local refunded = format('%.0f %.0f', mark, max(0, olderUsed - charged))\n      older = sub(older, 1, from) .. refunded .. sub(older, to + 1)\n    end\n    -- A booked window without charges makes room for the window before it.\n    while used == 0 and start > stateNow and older ~= '' do\n      local olderStart, olderUsed, rest = match(older, '^|(%d+) (%d+)(.*)$')\n      if not olderStart then\n        break\n      end\n      start = tonumber(olderStart)\n      used = tonumber(olderUsed)\n      older = rest\n      attempts = mergeAttempts(attempts)\n    end\n    if used == 0 and start > stateNow then\n      start = stateNow\n    end\n    writeFixed(key, stateNow, skew, start, used, older, attempts, 'KEEPTTL')\n    return true, mark + window - stateNow\n  end,\n}\n";
var refund_default = "-- Gives back what a request was charged, once, if the charge still counts. A call that arrives\n-- again returns the same.\n-- KEYS[1\u2026n] the states of the limits\n-- KEYS[n + 1] the marker of this refund. It exists for as long as a second refund of the request\n--   would count, or this call can arrive again.\n-- ARGV[1] token: identifies the request  ARGV[2] its charge  ARGV[3] the time of the charge, \xB5s\n-- ARGV[4] identifies this call\n-- then for each limit: kind  limit  a  b  mark (common.lua)\n-- returns 1 if anything was given back, else 0\n-- cost: that of the refund of each kind\n-- needs common.lua, sliding-window-log.lua, fixed-window.lua, sliding-window-counter.lua,\n--   token-bucket.lua, slots.lua\n\nlocal token = ARGV[1]\nlocal charged = tonumber(ARGV[2])\nlocal chargedAt = tonumber(ARGV[3])\nlocal call = ARGV[4]\nlocal marker = KEYS[#KEYS]\n\nlocal previousCall = command('GET', marker)\nif previousCall then\n  return previousCall == call and 1 or 0\nend\n-- There is nothing to delete, but a server that is full lets a script write after a deletion.\ncommand('DEL', marker)\n\nlocal anyRefunded = 0\nlocal markerLifetime = 10000000\nfor i = 1, #KEYS - 1 do\n  local first = 5 * i\n  local a = tonumber(ARGV[first + 2])\n  local b = tonumber(ARGV[first + 3])\n  local mark = tonumber(ARGV[first + 4])\n  local refund = kinds[ARGV[first]].refund\n  local refunded, countsFor = refund(KEYS[i], a, b, mark, token, charged, chargedAt)\n  if refunded then\n    anyRefunded = 1\n    markerLifetime = max(markerLifetime, countsFor)\n  end\nend\n\nif anyRefunded == 1 then\n  command('SET', marker, call, 'PX', ttlUntil(now + math.ceil(markerLifetime)))\nend\nreturn anyRefunded\n";
var release_slots_default = "-- Releases the slots of a token, and remembers that for a while: the attempt that took them can\n-- reach the server late, or once more. It is safe to repeat.\n-- KEYS[i] the slots of a concurrency limit (slots.lua)\n-- ARGV[1] token: identifies the holder  ARGV[2] \xB5s for which the release is remembered\n-- ARGV[i + 2] the ttl of the slot, \xB5s\n-- returns how many of the slots were held\n-- cost: O(log n) in the slots\n-- needs common.lua, ended-attempts.lua\n\nlocal token = ARGV[1]\nlocal released = 0\nfor i = 1, #KEYS do\n  local slot = token .. ':' .. ARGV[i + 2]\n  local expiresAt = command('ZSCORE', KEYS[i], slot)\n  if expiresAt and tonumber(expiresAt) > now then\n    released = released + 1\n  end\n  -- This comes first: a server that is full lets a script write after it has removed something.\n  command('ZREM', KEYS[i], slot)\n  rememberEnded(KEYS[i], token, ARGV[2])\nend\nreturn released\n";
var renew_slots_default = "-- Renews the slots of a token if none of them has expired. Otherwise it releases all of them.\n-- KEYS[i] the slots of a concurrency limit (slots.lua)\n-- ARGV[1] token: identifies the holder  ARGV[i + 1] the ttl of the slot, \xB5s\n-- returns 1 if the slots were renewed, else 0\n-- cost: O(log n) in the slots\n-- needs common.lua\n\nlocal function slotName(i)\n  return ARGV[1] .. ':' .. ARGV[i + 1]\nend\n\nfor i = 1, #KEYS do\n  local expiresAt = command('ZSCORE', KEYS[i], slotName(i))\n  if not expiresAt or tonumber(expiresAt) <= now then\n    for j = 1, #KEYS do\n      command('ZREM', KEYS[j], slotName(j))\n    end\n    return 0\n  end\nend\nfor i = 1, #KEYS do\n  -- This comes first: a server that is full lets a script write after it has removed something.\n  command('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)\n  command('ZADD', KEYS[i], now + ARGV[i + 1], slotName(i))\n  local latest = command('ZRANGE', KEYS[i], -1, -1, 'WITHSCORES')\n  command('PEXPIRE', KEYS[i], ttlUntil(tonumber(latest[2])))\nend\nreturn 1\n";
var sliding_window_counter_default = "-- slidingCounter: a sliding window counter.\n-- State: a string 'writtenAt skew start used before older;attempts', as in fixed-window.lua, with\n--   before  the cost charged to the window before the current one\n--   older   the windows before one that was booked, each as '|start used before', the latest first\n-- The weight of the window before falls with each whole millisecond of the current window.\n-- a: the window\n-- cost: O(1)\n-- needs common.lua\n\nlocal function freeCost(limit, used, before, windowMs, passedMs)\n  local room = (limit - used) * windowMs - before * (windowMs - passedMs)\n  return room > 0 and div(room, windowMs) or 0\nend\n\nlocal function writeCounter(key, at, skew, start, used, before, older, attempts, ...)\n  local numbers = format('%.0f %.0f %.0f %.0f %.0f', at, skew, start, used, before)\n  command('SET', key, format('%s%s;%s', numbers, older, attempts), ...)\nend\n\n-- Returns the state's own time of now, and its fields without writtenAt; nothing if there is none.\nlocal function readCounter(key)\n  local pattern = '^(%d+) (%d+) (%d+) (%d+) (%d+)([| %d]*);(.*)$'\n  local value = command('GET', key) or ''\n  local writtenAt, skew, start, used, before, older, attempts = match(value, pattern)\n  if not writtenAt or not areValidNumbers(writtenAt, skew, start, used, before) then\n    return\n  end\n  local changed\n  skew, changed = adjustSkew(tonumber(writtenAt), tonumber(skew))\n  if changed then\n    allowWriteWhenFull(key)\n    writeCounter(key, writtenAt, skew, start, used, before, older, attempts, 'KEEPTTL')\n  end\n  return now + skew, skew, tonumber(start), tonumber(used), tonumber(before), older, attempts\nend\n\nkinds.counter = {\n  inspect = function(key, limit, window, b, minCost, spendWithin, token)\n    local stateNow, skew, start, used, before, older, attempts = readCounter(key)\n    local storedStart = start\n    if start and stateNow >= start + window then\n      start = start + window\n      before = used\n      used = 0\n    end\n    -- After a window without charges, the next one begins with the next request.\n    local open = start\n      and stateNow < start + window\n      and (used + before ~= 0 or stateNow < start)\n    if not open then\n      return {\n        available = limit,\n        fullAfter = 0,\n        readyAfter = 0,\n        used = 0,\n        before = 0,\n        skew = skew or 0,\n        older = '',\n        attempts = attempts or '',\n        granted = findAttempt(attempts, token, nil, ''),\n      }\n    end\n\n    local windowMs = window / 1000\n    local passedMs = max(0, div(stateNow - min(start, stateNow), 1000))\n    local state = {\n      available = freeCost(limit, used, before, windowMs, passedMs),\n      fullAfter = 0,\n      readyAfter = 0,\n      skew = skew,\n      storedStart = storedStart,\n      start = start,\n      used = used,\n      before = before,\n      older = older,\n      attempts = attempts,\n    }\n    state.granted, state.wait, state.mark = findAttempt(attempts, token, storedStart, older)\n    if used > 0 then\n      state.fullAfter = start + 2 * window - stateNow\n    elseif before > 0 then\n      state.fullAfter = start + window - stateNow\n    end\n    if state.available < minCost then\n      local room = limit - used - minCost\n      if room >= 0 then\n        local weightMs = min(windowMs, div(room * windowMs, before))\n        state.readyAfter = start + 1000 * (windowMs - weightMs) - stateNow\n      else\n        local weightMs = min(windowMs, div((limit - minCost) * windowMs, used))\n        state.readyAfter = start + window + 1000 * (windowMs - weightMs) - stateNow\n      end\n    end\n    local isBooked = stateNow < start\n    if isBooked then\n      state.available = 0\n      state.readyAfter = max(state.readyAfter, start - stateNow)\n      state.fullAfter = max(state.fullAfter, start - stateNow)\n    end\n    return state\n  end,\n\n  charge = function(key, limit, window, b, granted, wait, spendWithin, token, state)\n    local stateNow = now + state.skew\n    local at = stateNow + wait\n    local start = state.start\n    local used = state.used\n    local before = state.before\n    local older = state.older\n    local attempts = state.attempts\n    if start and at >= start + window then\n      start = start + window\n      before = used\n      used = 0\n    end\n    if not start or at >= start + window or used + before == 0 then\n      start = at\n      used = 0\n      before = 0\n    end\n    if state.start and start ~= state.start and start > stateNow then\n      -- This window becomes current again if the one that is booked after it is refunded.\n      older = format('|%.0f %.0f %.0f%s', state.start, state.used, state.before, older)\n      attempts = attempts .. '/'\n    elseif start ~= state.storedStart or older ~= '' and start <= stateNow then\n      older = ''\n      attempts = ''\n    end\n    used = used + granted\n    local passedMs = div(max(at, start) - start, 1000)\n    state.available = freeCost(limit, used, before, window / 1000, passedMs)\n    state.fullAfter = start + 2 * window - stateNow\n    state.mark = start\n    attempts = appendAttempt(attempts, token, granted, wait)\n    local skew = state.skew\n    if start == state.storedStart then\n      writeCounter(key, stateNow, skew, start, used, before, older, attempts, 'KEEPTTL')\n    else\n      local ttl = ttlUntil(start + 2 * window - skew)\n      writeCounter(key, stateNow, skew, start, used, before, older, attempts, 'PX', ttl)\n    end\n    return min(spendWithin, start + window - at)\n  end,\n\n  refund = function(key, window, b, mark, token, charged)\n    local stateNow, skew, start, used, before, older, attempts = readCounter(key)\n    if not start or stateNow >= mark + 2 * window then\n      return false, 0\n    end\n\n    -- The latest window first.\n    local windows = { { start = start, used = used, before = before } }\n    for olderStart, olderUsed, olderBefore in string.gmatch(older, '|(%d+) (%d+) (%d+)') do\n      windows[#windows + 1] = {\n        start = tonumber(olderStart),\n        used = tonumber(olderUsed),\n        before = tonumber(olderBefore),\n      }\n    end\n    local found = false\n    for i, candidate in ipairs(windows) do\n      if candidate.start == mark then\n        candidate.used = max(0, candidate.used - charged)\n        found = true\n        local after = windows[i - 1]\n        if after and after.start - mark == window then\n          after.before = max(0, after.before - charged)\n        end\n      end\n    end\n    local oldest = windows[#windows]\n    if not found and oldest.start - mark == window then\n      oldest.before = max(0, oldest.before - charged)\n      found = true\n    end\n    if not found then\n      return false, 0\n    end\n\n    -- A booked window without charges makes room for the window before it.\n    while #windows > 1 and windows[1].used == 0 and windows[1].start > stateNow do\n      table.remove(windows, 1)\n      attempts = mergeAttempts(attempts)\n    end\n    local current = windows[1]\n    start = current.start\n    if current.used + current.before == 0 then\n      start = min(start, stateNow)\n    end\n    older = ''\n    for i = 2, #windows do\n      local entry = windows[i]\n      older = older .. format('|%.0f %.0f %.0f', entry.start, entry.used, entry.before)\n    end\n    used = current.used\n    before = current.before\n    writeCounter(key, stateNow, skew, start, used, before, older, attempts, 'KEEPTTL')\n    return true, mark + 2 * window - stateNow\n  end,\n}\n";
var sliding_window_log_default = "-- slidingWindow: a sliding window log.\n-- State: a sorted set with a member 'token:cost' for each request, whose score is the time of the\n-- request. Two more members come first, because their scores are negative:\n--   'used'  minus the sum of the costs\n--   'last'  minus the time of the latest write; only if some requests are to be spent later\n-- A refunded request keeps its member for ten seconds, so that its attempt is recognised if it\n-- arrives again. Its score is then the time of the refund as a fraction of 1.\n-- a: the window\n-- cost: O(log n) in the requests of the window, and O(1) for each request that has left it; a\n-- denial of cost c reads at most c requests\n-- needs common.lua\n\n-- The divisor that turns the time of a refund into a fraction of 1.\nlocal REFUNDED = 1e16\n\nlocal function costOf(entry)\n  return tonumber(match(entry, '%d+$')) or 0\nend\n\nlocal function newestScore(key)\n  return tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2])\nend\n\nlocal function emptyLog(limit)\n  return { available = limit, fullAfter = 0, readyAfter = 0, used = 0 }\nend\n\n-- Deletes a value that is not a log, so that the limit begins anew.\nlocal function deleteForeignLog(key)\n  if not peeking then\n    command('DEL', key)\n    reportForeignValue(key, 'no requests of a limiter')\n  end\nend\n\n-- If the clock was set back by more than a second since the last write, moves all requests back by\n-- as much. `last` is the time of the last write; without it, the newest request was written last.\n-- Returns whether it did.\nlocal function moveBack(key, last)\n  local by = (last or newestScore(key)) - now\n  if by <= 1000000 then\n    return false\n  end\n  local entries = command('ZRANGEBYSCORE', key, 1, '+inf', 'WITHSCORES')\n  allowWriteWhenFull(key)\n  for j = 1, #entries, 2 do\n    command('ZADD', key, entries[j + 1] - by, entries[j])\n  end\n  if last then\n    command('ZADD', key, -now, 'last')\n  end\n  return true\nend\n\n-- Returns the time of an attempt that has run before, and what it was granted.\nlocal function findLogged(key, token, minCost, maxCost)\n  if minCost == maxCost then\n    return command('ZSCORE', key, token .. ':' .. format('%.0f', minCost)), minCost\n  end\n  local newest = command('ZRANGE', key, -16, -1, 'WITHSCORES')\n  for j = 1, #newest, 2 do\n    if sub(newest[j], 1, #token + 1) == token .. ':' then\n      return newest[j + 1], costOf(newest[j])\n    end\n  end\nend\n\n-- Deletes the requests that have left the window, and returns the sum of the costs of the others.\nlocal function dropOld(key, window, used, oldestScore)\n  local old = command('ZRANGEBYSCORE', key, 1, now - window)\n  for j = 1, #old do\n    used = used - costOf(old[j])\n  end\n  if not peeking then\n    if #old > 0 then\n      command('ZREMRANGEBYSCORE', key, 1, now - window)\n    end\n    if oldestScore < 1 then\n      command('ZREMRANGEBYSCORE', key, '(0', (now - 10000000) / REFUNDED)\n    end\n    if #old > 0 then\n      command('ZADD', key, -used, 'used')\n    end\n  end\n  return used\nend\n\nkinds.log = {\n  inspect = function(key, limit, window, b, minCost, spendWithin, token, maxCost)\n    local first = command('ZRANGE', key, 0, 2, 'WITHSCORES')\n    local last\n    if first[1] == 'last' then\n      last = -first[2]\n      table.remove(first, 1)\n      table.remove(first, 1)\n    end\n    if not first[1] and not last then\n      return emptyLog(limit)\n    end\n    local newest = newestScore(key)\n    local used = first[1] == 'used' and -first[2]\n    if not used or not areValidNumbers(used, newest, last or 0) then\n      deleteForeignLog(key)\n      return emptyLog(limit)\n    end\n\n    local oldest = tonumber(first[4])\n    if oldest and oldest <= now - window then\n      used = dropOld(key, window, used, oldest)\n    end\n    if used <= 0 then\n      local state = emptyLog(limit)\n      state.last = last\n      state.exists = true\n      return state\n    end\n\n    if newest > now + 1000000 and moveBack(key, last) then\n      newest = newestScore(key)\n    end\n    local state = {\n      available = limit - used,\n      fullAfter = newest + window - now,\n      readyAfter = 0,\n      used = used,\n      last = last,\n      exists = true,\n    }\n    local missing = minCost - state.available\n    if missing > 0 or minCost < maxCost then\n      local at, granted = findLogged(key, token, minCost, maxCost)\n      if at then\n        state.granted = granted\n        state.wait = max(0, at - now)\n      end\n    end\n    if missing > 0 then\n      local from = '(' .. format('%.0f', now - window)\n      local requests = command(\n        'ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', 0, missing\n      )\n      for j = 1, #requests, 2 do\n        missing = missing - costOf(requests[j])\n        state.readyAfter = requests[j + 1] + window - now\n        if missing <= 0 then\n          break\n        end\n      end\n    end\n    return state\n  end,\n\n  charge = function(key, limit, window, b, granted, wait, spendWithin, token, state)\n    local used = state.used + granted\n    local spentAt = now + wait + spendWithin\n    local entry = token .. ':' .. format('%.0f', granted)\n    local added\n    -- LT: an attempt that arrives again keeps the time at which it arrived first.\n    if state.last or spentAt > now then\n      added = command('ZADD', key, 'LT', -now, 'last', -used, 'used', spentAt, entry)\n      added = added - (state.last and 0 or 1)\n    else\n      added = command('ZADD', key, 'LT', -used, 'used', spentAt, entry)\n    end\n    -- The request is not new: it must not count twice.\n    if added == (state.exists and 0 or 1) then\n      used = state.used\n      command('ZADD', key, -used, 'used')\n    end\n    state.available = limit - used\n    state.fullAfter = max(state.fullAfter, spentAt + window - now)\n    command('PEXPIRE', key, ttlUntil(now + state.fullAfter))\n    return spendWithin\n  end,\n\n  refund = function(key, window, b, mark, token, charged)\n    local entry = token .. ':' .. format('%.0f', charged)\n    local at = tonumber(command('ZSCORE', key, entry) or 0)\n    if at <= now - window or at < 1 then\n      return false, 0\n    end\n    command('ZREM', key, entry)\n    command('ZADD', key, now / REFUNDED, entry)\n    command('ZINCRBY', key, charged, 'used')\n    return true, 0\n  end,\n}\n";
var slots_default = "-- concurrency: slots that are held until they are released.\n-- State: a sorted set with a member 'token:ttl' for each slot, whose score is the time at which the\n-- slot expires. A request takes one slot, whatever its cost. The ttl is in microseconds and belongs\n-- to the slot, because processes can differ in it during a deployment. Released slots and denied\n-- attempts are remembered in a second key (ended-attempts.lua).\n-- a: the ttl of a new slot\n-- cost: O(log n) in the slots\n-- needs common.lua, ended-attempts.lua\n\n-- How long a denied attempt is remembered.\nlocal REMEMBER_DENIAL_FOR = 10000000\n\nlocal function slotName(token, slotTtl)\n  return token .. ':' .. format('%.0f', slotTtl)\nend\n\nlocal function latestExpiry(key)\n  return tonumber(command('ZRANGE', key, -1, -1, 'WITHSCORES')[2])\nend\n\n-- After the clock was set back, makes each slot expire after its own ttl from now.\nlocal function shortenSlots(key, slotTtl)\n  allowWriteWhenFull(key)\n  local from = '(' .. format('%.0f', now + slotTtl)\n  local slots = command('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES')\n  for j = 1, #slots, 2 do\n    local ownTtl = tonumber(match(slots[j], ':(%d+)$') or slotTtl)\n    if not areValidNumbers(ownTtl) then\n      ownTtl = slotTtl\n    end\n    if tonumber(slots[j + 1]) > now + ownTtl + 1000000 then\n      command('ZADD', key, now + ownTtl, slots[j])\n    end\n  end\nend\n\nkinds.slots = {\n  inspect = function(key, limit, slotTtl, b, minCost, spendWithin, token, maxCost)\n    local unexpired = '(' .. format('%.0f', now)\n    local held = command('ZCOUNT', key, unexpired, '+inf')\n    local state = {\n      available = limit - held,\n      fullAfter = 0,\n      readyAfter = 0,\n      grantable = held < limit and math.huge or 0,\n    }\n    if not peeking then\n      if command('ZSCORE', key, slotName(token, slotTtl)) or hasEnded(key, token) then\n        state.granted = maxCost\n      elseif hasEnded(key, token .. ':denied') then\n        state.denied = true\n        state.readyAfter = 1\n      end\n    end\n    if held > 0 then\n      if latestExpiry(key) > now + slotTtl + 1000000 then\n        shortenSlots(key, slotTtl)\n      end\n      state.fullAfter = latestExpiry(key) - now\n    end\n    if held >= limit then\n      local offset = held - limit\n      local slots = command(\n        'ZRANGEBYSCORE', key, unexpired, '+inf', 'WITHSCORES', 'LIMIT', offset, 1\n      )\n      state.readyAfter = slots[2] - now\n    end\n    return state\n  end,\n\n  charge = function(key, limit, slotTtl, b, granted, wait, spendWithin, token, state)\n    command('ZREMRANGEBYSCORE', key, '-inf', now)\n    command('ZADD', key, now + slotTtl, slotName(token, slotTtl))\n    state.available = state.available - 1\n    state.fullAfter = max(state.fullAfter, slotTtl)\n    command('PEXPIRE', key, ttlUntil(now + state.fullAfter))\n    return spendWithin\n  end,\n\n  rememberDenial = function(key, token)\n    rememberEnded(key, token .. ':denied', REMEMBER_DENIAL_FOR)\n  end,\n\n  -- A slot is released, not refunded.\n  refund = function()\n    return false, 0\n  end,\n}\n";
var token_bucket_default = "-- tokenBucket and gcra: a token bucket, kept as the time at which it is full again (the theoretical\n-- arrival time of GCRA). A token is divided into units, so that all numbers are whole.\n-- State: a string of a bucket and its history, 'bucket|history'.\n-- bucket: 'writtenAt skew fullAt fraction bornAt'\n--   writtenAt     the time of the latest write\n--   skew          by how much the state's own time is ahead of the clock (adjustSkew)\n--   fullAt        when the bucket is full again, without a fraction\n--   fraction      the units that are missing at fullAt, fewer than come back in a \xB5s\n--   bornAt        when this state began; a full bucket begins a new state\n-- history, for refunds: 'baseFullAt baseFraction latestOlder refunded|count' and then the attempts\n--   attempts      the latest attempts, each as ',name@at=granted', `at` being \xB5s after bornAt\n--   count         the number of these attempts\n--   baseFullAt    when the bucket would be full again without these attempts\n--   baseFraction  the units that would be missing at baseFullAt\n--   latestOlder   the latest time for which an attempt before these was charged\n--   refunded      the \xB5s that refunds have given back\n-- All times are the state's own.\n-- a: the units of a token  b: the units that come back in a \xB5s\n-- cost: O(1)\n-- needs common.lua\n\n-- The number of latest attempts that are kept, and how many if they wait for their turns.\nlocal MAX_ATTEMPTS = 16\nlocal MAX_WAITING = 64\n\n-- Returns how many tokens there are if so many units are missing.\nlocal function tokensLeft(limit, unitsPerToken, missing)\n  if missing >= limit * unitsPerToken then\n    return 0\n  end\n  return div(limit * unitsPerToken - missing, unitsPerToken)\nend\n\n-- Returns the units that are missing at a time.\nlocal function missingAt(fullAt, fraction, at, unitsPerMicro)\n  return max(0, (fullAt - at) * unitsPerMicro + fraction)\nend\n\n-- Returns the time in which so many units come back, rounded up.\nlocal function refillTime(units, unitsPerMicro)\n  return div(units + unitsPerMicro - 1, unitsPerMicro)\nend\n\n-- Returns when the bucket is full again after a charge at a time, and the fraction.\nlocal function fullAfterCharge(fullAt, fraction, at, units, unitsPerMicro)\n  local missing = missingAt(fullAt, fraction, at, unitsPerMicro) + units\n  local rest = fmod(missing, unitsPerMicro)\n  return at + (missing - rest) / unitsPerMicro, rest\nend\n\n-- Returns the state's own time of now, skew, fullAt, fraction, bornAt and the text of its history;\n-- nothing if there is no state.\nlocal function readBucket(key)\n  local pattern = '^(%d+) (%d+) (%d+) (%d+) (%d+)|(%d+ %d+ %d+ %d+|%d+[^|]*)$'\n  local value = command('GET', key) or ''\n  local writtenAt, skew, fullAt, fraction, bornAt, history = match(value, pattern)\n  if not writtenAt or not areValidNumbers(writtenAt, skew, fullAt, fraction, bornAt) then\n    return\n  end\n  if not areValidNumbers(match(history, '^(%d+) (%d+) (%d+) (%d+)|(%d+)')) then\n    return\n  end\n  local changed\n  skew, changed = adjustSkew(tonumber(writtenAt), tonumber(skew))\n  if changed then\n    allowWriteWhenFull(key)\n    local numbers = format('%s %.0f %s %s %s', writtenAt, skew, fullAt, fraction, bornAt)\n    command('SET', key, numbers .. '|' .. history, 'KEEPTTL')\n  end\n  return now + skew, skew, tonumber(fullAt), tonumber(fraction), tonumber(bornAt), history\nend\n\nlocal function parseHistory(history)\n  local pattern = '^(%d+) (%d+) (%d+) (%d+)|(%d+)(.*)$'\n  local baseFullAt, baseFraction, latestOlder, refunded, count, attempts = match(history, pattern)\n  return tonumber(baseFullAt), tonumber(baseFraction), tonumber(latestOlder), tonumber(refunded),\n    tonumber(count), attempts\nend\n\nlocal function formatHistory(baseFullAt, baseFraction, latestOlder, refunded, count, attempts)\n  local numbers = format('%.0f %.0f %.0f %.0f', baseFullAt, baseFraction, latestOlder, refunded)\n  return format('%s|%.0f%s', numbers, count, attempts)\nend\n\nlocal function formatBucket(stateNow, skew, fullAt, fraction, bornAt, history)\n  local numbers = format('%.0f %.0f %.0f %.0f %.0f', stateNow, skew, fullAt, fraction, bornAt)\n  return numbers .. '|' .. history\nend\n\nkinds.bucket = {\n  inspect = function(key, limit, unitsPerToken, unitsPerMicro, minCost, spendWithin, token)\n    local stateNow, skew, fullAt, fraction, bornAt, history = readBucket(key)\n    local missing = 0\n    if fullAt then\n      missing = max(0, (fullAt - stateNow) * unitsPerMicro + min(fraction, unitsPerMicro - 1))\n    end\n    local state = {\n      available = tokensLeft(limit, unitsPerToken, missing),\n      fullAfter = refillTime(missing, unitsPerMicro),\n      readyAfter = 0,\n      missing = missing,\n      skew = skew or 0,\n      bornAt = bornAt,\n      history = history,\n    }\n    local excess = missing - (limit - minCost) * unitsPerToken\n    if excess > 0 then\n      state.readyAfter = refillTime(excess, unitsPerMicro)\n    end\n    if spendWithin > 0 then\n      local missingLater = max(missing, spendWithin * unitsPerMicro)\n      state.grantableLater = tokensLeft(limit, unitsPerToken, missingLater)\n    end\n\n    local name = ',' .. shortName(token) .. '@'\n    local from = history and find(history, name, 1, true)\n    local at, granted, later\n    if from then\n      at, granted, later = match(history, '^(%d+)=(%d+)(.*)$', from + #name)\n    end\n    if at then\n      local _, _, _, refunded = parseHistory(history)\n      state.granted = tonumber(granted)\n      state.wait = max(0, bornAt + at - stateNow)\n      state.mark = fullAt + refunded\n      for laterGranted in string.gmatch(later, '=(%d+)') do\n        state.mark = state.mark - refillTime(laterGranted * unitsPerToken, unitsPerMicro)\n      end\n    end\n    return state\n  end,\n\n  charge = function(\n    key, limit, unitsPerToken, unitsPerMicro, granted, wait, spendWithin, token, state\n  )\n    local stateNow = now + state.skew\n    local later = wait + spendWithin\n    local bornAt = state.missing > 0 and state.bornAt or stateNow\n    local baseFullAt, baseFraction, latestOlder = bornAt, 0, bornAt\n    local refunded, count, attempts = 0, 0, ''\n    if state.history and state.missing > 0 then\n      baseFullAt, baseFraction, latestOlder, refunded, count, attempts = parseHistory(state.history)\n    end\n\n    local missing = max(0, state.missing - later * unitsPerMicro) + granted * unitsPerToken\n    local fraction = fmod(missing, unitsPerMicro)\n    local fullAt = stateNow + later + (missing - fraction) / unitsPerMicro\n    missing = missing + later * unitsPerMicro\n    local offset = stateNow + later - bornAt\n    attempts = format('%s,%s@%.0f=%.0f', attempts, shortName(token), offset, granted)\n    count = count + 1\n    while count > MAX_ATTEMPTS do\n      local oldestOffset, oldestGranted, others = match(attempts, '^,[^@]*@(%d+)=(%d+)(.*)$')\n      if not oldestOffset then\n        -- These are not attempts that this script wrote.\n        attempts = ''\n        count = 0\n        break\n      end\n      local at = bornAt + oldestOffset\n      if at > stateNow and count <= MAX_WAITING then\n        break\n      end\n      local units = oldestGranted * unitsPerToken\n      baseFullAt, baseFraction = fullAfterCharge(baseFullAt, baseFraction, at, units, unitsPerMicro)\n      latestOlder = max(latestOlder, at)\n      attempts = others\n      count = count - 1\n    end\n\n    state.available = tokensLeft(limit, unitsPerToken, missing)\n    state.fullAfter = refillTime(missing, unitsPerMicro)\n    state.mark = fullAt + refunded\n    local history = formatHistory(baseFullAt, baseFraction, latestOlder, refunded, count, attempts)\n    local value = formatBucket(stateNow, state.skew, fullAt, fraction, bornAt, history)\n    command('SET', key, value, 'PX', ttlUntil(stateNow - state.skew + state.fullAfter))\n    return spendWithin\n  end,\n\n  -- After a refund the bucket is never fuller than if the request had never been made: tokens that\n  -- have come back by themselves are not given back. For one of the latest attempts it is exactly\n  -- as full. For an older attempt it can be less full.\n  refund = function(key, unitsPerToken, unitsPerMicro, mark, token, charged, chargedAt)\n    local stateNow, skew, fullAt, fraction, bornAt, history = readBucket(key)\n    if not history then\n      return false, 0\n    end\n    local baseFullAt, baseFraction, latestOlder, refunded, count, attempts = parseHistory(history)\n    local name = shortName(token)\n    local unitsBack = 0\n    local isLatest = find(attempts, ',' .. name .. '@', 1, true)\n    if not isLatest then\n      local open = mark - refunded - max(stateNow, latestOlder)\n      if open <= 0 or bornAt > chargedAt then\n        return false, 0\n      end\n      unitsBack = min(charged * unitsPerToken, open * unitsPerMicro)\n      local missing = missingAt(baseFullAt, baseFraction - unitsBack, stateNow, unitsPerMicro)\n      baseFraction = fmod(missing, unitsPerMicro)\n      baseFullAt = stateNow + (missing - baseFraction) / unitsPerMicro\n    end\n\n    -- Replays the latest attempts, once with the refunded one (withAt, withFraction) and once\n    -- without it (fullAt, fraction). The refunded attempt stays in the list with a charge of 0,\n    -- because it can arrive again. Its charge counts if the bucket is less full because of it,\n    -- before the attempts that still wait for their turns.\n    local kept = ''\n    local counts\n    local withAt, withFraction = baseFullAt, baseFraction\n    fullAt, fraction = baseFullAt, baseFraction\n    local function differs()\n      return missingAt(withAt, withFraction, stateNow, unitsPerMicro)\n        ~= missingAt(fullAt, fraction, stateNow, unitsPerMicro)\n    end\n    for attempt, offset, granted in string.gmatch(attempts, ',([^@]*)@(%d+)=(%d+)') do\n      local at = bornAt + offset\n      local units = granted * unitsPerToken\n      if at > stateNow and counts == nil then\n        counts = differs()\n      end\n      withAt, withFraction = fullAfterCharge(withAt, withFraction, at, units, unitsPerMicro)\n      if attempt == name then\n        if granted == '0' then\n          return false, 0\n        end\n        counts = at > stateNow or nil\n        unitsBack = (withAt - fullAt) * unitsPerMicro + withFraction - fraction\n        offset = '0'\n        granted = '0'\n      else\n        fullAt, fraction = fullAfterCharge(fullAt, fraction, at, units, unitsPerMicro)\n      end\n      kept = format('%s,%s@%s=%s', kept, attempt, offset, granted)\n    end\n    if counts == nil then\n      counts = differs()\n    end\n    if isLatest and not counts then\n      return false, 0\n    end\n\n    refunded = refunded + refillTime(unitsBack, unitsPerMicro)\n    history = formatHistory(baseFullAt, baseFraction, latestOlder, refunded, count, kept)\n    command('SET', key, formatBucket(stateNow, skew, fullAt, fraction, bornAt, history), 'KEEPTTL')\n    -- `refunded` begins anew when the bucket does.\n    return true, max(0, mark - stateNow)\n  end,\n}\n";
var policyFunctions = [
  common_default,
  sliding_window_log_default,
  fixed_window_default,
  sliding_window_counter_default,
  token_bucket_default,
  ended_attempts_default,
  slots_default
].join("\n");
var decideScript = defineScript({
  name: "ratelimit decide",
  functions: `local peeking = false
${policyFunctions}`,
  lua: decide_default,
  types: stateTypes(6, 4),
  binary: true,
  parse: parseVerdict
});
var peekScript = defineScript({
  name: "ratelimit peek",
  functions: `local peeking = true
${policyFunctions}`,
  lua: decide_default,
  types: stateTypes(6, 4),
  binary: true,
  readOnly: true,
  parse: parseVerdict
});
var refundScript = defineScript({
  name: "ratelimit refund",
  functions: `local peeking = false
${policyFunctions}`,
  lua: refund_default,
  types: stateTypes(5, 5),
  typesFirst: true,
  parse: isOne2
});
var renewScript2 = defineScript({
  name: "ratelimit renew",
  functions: common_default,
  lua: renew_slots_default,
  types: slotTypes(),
  parse: isOne2
});
var releaseScript2 = defineScript({
  name: "ratelimit release",
  functions: `${common_default}
${ended_attempts_default}`,
  lua: release_slots_default,
  types: slotTypes(),
  parse: Number
});
function stateTypes(first, step) {
  return `local types = {}
for i = 1, #KEYS do
  local kind = ARGV[${first} + ${step} * (i - 1)]
  types[i] = (kind == 'log' or kind == 'slots') and 'zset' or 'string'
end
return types`;
}
function slotTypes() {
  return `local types = {}
for i = 1, #KEYS do types[i] = 'zset' end
return types`;
}
function isOne2(reply) {
  return reply === 1;
}
function parseVerdict(reply) {
  const buffer = reply;
  const numberAt = (index2) => buffer.readDoubleBE(8 * index2);
  const limits = [];
  for (let i = 4; 8 * i < buffer.length; i += 4)
    limits.push({
      available: numberAt(i),
      fullAfter: numberAt(i + 1),
      readyAfter: numberAt(i + 2),
      mark: numberAt(i + 3)
    });
  return {
    now: numberAt(0),
    granted: numberAt(1),
    wait: numberAt(2),
    spendWithin: numberAt(3),
    limits
  };
}
var HeldSlots = class {
  #options;
  #ttl;
  #controller = new AbortController();
  #expiryTimer;
  #renewalTimer;
  #released;
  constructor(options2) {
    this.#options = options2;
    this.#ttl = Math.min(...options2.ttls);
    this.#extend(options2.requestedAt);
  }
  get signal() {
    return this.#controller.signal;
  }
  release() {
    this.#clearTimers();
    return this.#released ??= this.#release();
  }
  async #release() {
    const { keys, ttls, pendingReleases } = this.#options;
    const attempt = () => releaseSlots(this.#options, REMEMBER_RELEASE_FOR);
    try {
      await attempt();
    } catch (error) {
      emit(channels.error, () => ({ operation: "ratelimit release", key: keys[0], error }));
      if (!isClosed(error))
        pendingReleases.add({ key: keys[0], ttl: Math.max(...ttls), release: attempt });
    }
  }
  /**
   * Restarts the ttl. It is counted from when the slots were requested, which is before Redis began
   * to count. They are given up slightly earlier than that, because timers fire late.
   */
  #extend(requestedAt) {
    this.#clearTimers();
    const margin = Math.min(this.#ttl / 10, 100);
    const left = requestedAt + this.#ttl - margin - performance.now();
    if (left <= 0) return this.#lose();
    this.#expiryTimer = unref(setTimeout(() => this.#lose(), left));
    this.#renewAfter(Math.max(0, left - 2 * this.#ttl / 3));
  }
  #renewAfter(ms) {
    this.#renewalTimer = unref(setTimeout(() => void this.#renew(), ms));
  }
  async #renew() {
    const { client: client2, keys, ttls, token } = this.#options;
    const requestedAt = performance.now();
    let renewed;
    try {
      renewed = await client2.run(renewScript2, keys, [token, ...ttls.map(toMicros)], {
        timeout: Math.ceil(this.#ttl / 3)
      });
    } catch (error) {
      if (isClosed(error)) return;
      emit(channels.error, () => ({ operation: "ratelimit renew", key: keys[0], error }));
      if (!this.#ended) this.#renewAfter(this.#ttl / 20);
      return;
    }
    if (this.#ended) return;
    if (renewed) this.#extend(requestedAt);
    else this.#lose();
  }
  get #ended() {
    return this.#released !== void 0 || this.signal.aborted;
  }
  #lose() {
    this.#clearTimers();
    this.#controller.abort(new SlotLostError(this.#options.keys[0]));
  }
  #clearTimers() {
    clearTimeout(this.#expiryTimer);
    clearTimeout(this.#renewalTimer);
  }
};
function releaseSlots({ client: client2, keys, ttls, token }, rememberFor) {
  return client2.run(releaseScript2, keys, [token, ...[rememberFor, ...ttls].map(toMicros)]);
}
function toMicros(ms) {
  return String(ms * 1e3);
}
var REMEMBER_RELEASE_FOR = 1e4;
function emitDecision(key, decision) {
  emit(channels.ratelimit, () => ({
    id: key,
    allowed: decision.violated.length === 0,
    degraded: decision.degraded
  }));
  return decision;
}
var Decider = class {
  #states;
  #outage;
  #denyCache;
  #receipts;
  #deadline;
  #shadow;
  #pendingReleases = new PendingReleases();
  constructor({ states, outage, denyCache, receipts, deadline, shadow }) {
    this.#states = states;
    this.#outage = outage;
    this.#denyCache = denyCache;
    this.#receipts = receipts;
    this.#deadline = deadline;
    this.#shadow = shadow;
  }
  async decide(key, request, deadline = this.#deadline) {
    const sent = this.#denyCache?.markSend();
    const requestedAt = performance.now();
    const attempt = this.#states.createAttempt(key, request);
    const cacheDenial = (verdict2) => {
      if (sent) this.#denyCache?.add(key, request.minCost, verdict2, sent);
    };
    const pending = this.#states.decide(attempt, {
      timeout: Math.max(this.#deadline, LISTEN_FOR)
    });
    let verdict;
    try {
      verdict = await withinDeadline(pending, deadline, (late) => {
        if (late.granted === 0) cacheDenial(late);
      });
    } catch (error) {
      return this.#decideWithoutRedis(attempt, request, error);
    }
    const granted = verdict.granted > 0;
    if (granted) this.#denyCache?.onCharge(key);
    else cacheDenial(verdict);
    const decision = new LimiterDecision({
      limits: this.#states.limits,
      verdict,
      source: "redis",
      shadow: this.#shadow,
      receipt: granted ? this.#createReceipt(attempt, verdict) : void 0,
      slots: granted && this.#states.hasSlots ? this.#hold(attempt, requestedAt) : void 0
    });
    return { decision: emitDecision(key, decision), verdict };
  }
  /**
   * Returns what `decide` would decide. It also decides on costs that `decide` does not take: a
   * cost of 0 is allowed, and a cost above a limit is denied without end.
   */
  async peek(key, cost) {
    const isDecidable = this.decidesOn(cost);
    const { verdict, ...input } = await this.#peekStates(key, isDecidable ? cost : 1);
    const options2 = { ...input, shadow: this.#shadow, free: cost === 0 };
    if (isDecidable) return new LimiterDecision({ ...options2, verdict });
    const readyAfter = (limit, i) => cost === 0 ? 0 : cost > this.#states.maxCostOf(i) ? Infinity : limit.readyAfter;
    return new LimiterDecision({
      ...options2,
      verdict: {
        ...verdict,
        granted: 0,
        limits: verdict.limits.map((limit, i) => ({ ...limit, readyAfter: readyAfter(limit, i) }))
      }
    });
  }
  /** Returns whether the cost depends on the state: it is above 0, and no limit is below it. */
  decidesOn(cost) {
    return cost > 0 && cost <= this.#states.maxCost;
  }
  /** Decides by the outage strategy alone. */
  decideOffline(key, cost) {
    return emitDecision(
      key,
      new LimiterDecision({
        ...this.#outage.decide(key, cost, cost),
        source: "outage",
        shadow: this.#shadow
      })
    );
  }
  refund(receipt) {
    return this.#givingBack(receipt.key, () => this.#states.refund(receipt));
  }
  async reset(key) {
    if (this.#states.canReset) await this.#givingBack(key, () => this.#states.reset(key));
  }
  async #peekStates(key, cost) {
    try {
      const verdict = await this.#states.peek(key, cost, this.#deadline);
      return { verdict, limits: this.#states.limits, source: "redis" };
    } catch (error) {
      reportFailure("ratelimit peek", key, error);
      return { ...this.#outage.decide(key, cost, cost, true), source: "outage" };
    }
  }
  #decideWithoutRedis(attempt, request, error) {
    const { key } = attempt;
    reportFailure("ratelimit", key, error);
    const offline = this.#outage.decide(key, request.minCost, request.maxCost);
    const decision = emitDecision(
      key,
      new LimiterDecision({ ...offline, source: "outage", shadow: this.#shadow })
    );
    if (mayHaveRun2(error)) this.#undoLater(attempt, decision.allowed);
    return { decision, verdict: offline.verdict };
  }
  /**
   * Undoes an attempt that may have been charged, or may still be. If the request was allowed, its
   * charge is right. Otherwise the attempt is sent again, which charges nothing more, and what it
   * was charged is refunded. A slot is released in both cases, because nobody holds it.
   */
  #undoLater(attempt, allowed) {
    if (allowed && !this.#states.hasSlots) return;
    const ttl = Math.max(...this.#states.limits.map(({ window }) => window));
    const undo = async () => {
      await this.#states.releaseSlots(attempt, Math.min(ttl, MAX_REMEMBER_RELEASE_FOR));
      if (allowed) return;
      const verdict = await this.#states.decide(attempt);
      if (verdict.granted > 0) await this.refund(this.#createReceipt(attempt, verdict));
    };
    this.#pendingReleases.add({
      key: attempt.key,
      ttl,
      release: () => undo().catch(ignoreClosed)
    });
  }
  #createReceipt({ key, token }, { granted, now, limits }) {
    return this.#receipts.create({
      key,
      token,
      charged: granted,
      at: now,
      marks: limits.map(({ mark }) => mark)
    });
  }
  #hold(attempt, requestedAt) {
    return new HeldSlots({
      ...this.#states.slotsOf(attempt),
      requestedAt,
      pendingReleases: this.#pendingReleases
    });
  }
  /**
   * Invalidates the deny cache around a change that gives capacity back. Cached denials are wrong
   * from the moment of the change, and until it is acknowledged they can become wrong again.
   */
  async #givingBack(key, change) {
    this.#denyCache?.invalidate(key);
    try {
      return await change();
    } finally {
      this.#denyCache?.invalidate(key);
    }
  }
};
function reportFailure(operation, key, error) {
  if (!(error instanceof CacheError)) throw error;
  emit(channels.error, () => ({ operation, key, error }));
}
function ignoreClosed(error) {
  if (!isClosed(error)) throw error;
}
var LISTEN_FOR = 1e3;
var MAX_REMEMBER_RELEASE_FOR = 6e5;
function boundedMap(max, bytesOf2 = () => 0) {
  return new U({
    max,
    maxSize: max,
    sizeCalculation: (value, key) => Math.max(1, Math.min(max, Math.ceil((key.length + bytesOf2(value)) / 256)))
  });
}
var MAX_CLOCK_DRIFT = 1e-3;
var DenyCache = class {
  #denials;
  /** The sequence number of the latest invalidation of each key. */
  #invalidated;
  #maxAge;
  #limits;
  #clock;
  #invalidations = 0;
  constructor(limits, { max, maxAge }, clock) {
    this.#limits = limits;
    this.#denials = boundedMap(max);
    this.#invalidated = boundedMap(max);
    this.#maxAge = maxAge;
    this.#clock = clock;
  }
  get(key, cost) {
    const denial = this.#denials.get(key);
    if (denial === void 0 || denial.cost !== cost) return void 0;
    const now = this.#clock.now();
    if (now >= denial.validUntil) {
      this.#denials.delete(key);
      return void 0;
    }
    return { verdict: denial.verdict, age: Math.round((now - denial.receivedAt) * 1e3) };
  }
  /** Call this before a request is sent, and pass the result to `add` with the reply. */
  markSend() {
    return { at: this.#clock.now(), invalidations: this.#invalidations };
  }
  /** Caches a denial, unless its key was invalidated since the request was sent. */
  add(key, cost, verdict, sent) {
    if ((this.#invalidated.get(key) ?? 0) > sent.invalidations) return;
    const deniedFor = this.#deniedFor(verdict) / 1e3 * (1 - MAX_CLOCK_DRIFT);
    const ttl = Math.min(this.#maxAge, deniedFor);
    if (ttl > 0)
      this.#denials.set(key, {
        verdict,
        cost,
        receivedAt: this.#clock.now(),
        validUntil: sent.at + ttl
      });
  }
  /**
   * Call this after a charge. A cached denial of a higher cost is still right, but its `retryAfter`
   * is too short now.
   */
  onCharge(key) {
    if (this.#denials.size > 0) this.#denials.delete(key);
  }
  /**
   * Call this before and after capacity is given back. It drops the cached denial of the key, and
   * those whose requests are under way are not cached.
   */
  invalidate(key) {
    this.#invalidated.set(key, ++this.#invalidations);
    this.#denials.delete(key);
  }
  /**
   * Returns the microseconds for which the request is denied whatever other requests do.
   * Concurrency limits do not count, because a slot can be released at any time.
   */
  #deniedFor({ limits }) {
    let longest = 0;
    for (let i = 0; i < limits.length; i++)
      if (this.#limits[i].policy !== "concurrency")
        longest = Math.max(longest, limits[i].readyAfter);
    return longest;
  }
};
var LimitStates = class {
  limits;
  /** The highest cost that all limits can admit at once. */
  maxCost;
  #client;
  #suffixes;
  /** The arguments of the scripts that describe the limits. */
  #limitArgs;
  /** The indexes of the concurrency limits. */
  #slotIndexes;
  constructor(client2, limits) {
    this.limits = limits;
    this.#client = client2;
    this.#suffixes = limits.map(({ name, script }) => `:${name}:${script[0]}`);
    this.#limitArgs = limits.flatMap(({ script }) => script);
    this.#slotIndexes = limits.flatMap(({ policy }, i) => policy === "concurrency" ? [i] : []);
    this.maxCost = Math.min(...limits.map((_, i) => this.maxCostOf(i)));
  }
  get hasSlots() {
    return this.#slotIndexes.length > 0;
  }
  /** Whether `reset` has anything to delete. */
  get canReset() {
    return this.#slotIndexes.length < this.limits.length;
  }
  /**
   * The highest cost that one limit can admit at once. A decision takes one slot of a concurrency
   * limit, whatever its cost.
   */
  maxCostOf(i) {
    const { policy, limit } = this.limits[i];
    return policy === "concurrency" ? Number.MAX_SAFE_INTEGER : limit;
  }
  createAttempt(key, request) {
    const { minCost, maxCost, spendWithin = 0, maxWait = 0 } = request;
    const token = createToken();
    const numbers = [minCost, maxCost, spendWithin, maxWait].map(String);
    return { key, token, args: [token, ...numbers, ...this.#limitArgs] };
  }
  decide({ key, args }, options2) {
    return this.#client.run(decideScript, this.#keys(key), args, options2);
  }
  peek(key, cost, timeout) {
    const args = ["", String(cost), String(cost), "0", "0", ...this.#limitArgs];
    return this.#client.run(peekScript, this.#keys(key), args, { timeout });
  }
  refund({ key, token, charged, at, marks }) {
    const args = [
      token,
      String(charged),
      String(at),
      createToken(),
      ...this.limits.flatMap(({ script }, i) => [...script, String(marks[i])])
    ];
    const keys = [...this.#keys(key), `${beside(key)}:refund~${token}`];
    return this.#client.run(refundScript, keys, args);
  }
  /** Deletes all states but those of concurrency limits. */
  async reset(key) {
    const keys = this.#keys(key).filter((_, i) => !this.#slotIndexes.includes(i));
    await this.#client.send({ args: ["UNLINK", ...keys], keys });
  }
  /** The slots that an attempt takes. */
  slotsOf({ key, token }) {
    const keys = this.#keys(key);
    return {
      client: this.#client,
      keys: this.#slotIndexes.map((i) => keys[i]),
      ttls: this.#slotIndexes.map((i) => this.limits[i].window),
      token
    };
  }
  async releaseSlots(attempt, rememberFor) {
    if (this.hasSlots) await releaseSlots(this.slotsOf(attempt), rememberFor);
  }
  /** The keys of an id's states, all in one Cluster slot. */
  #keys(key) {
    const base = beside(key);
    return this.#suffixes.map((suffix) => base + suffix);
  }
};
function checkOnOutage(check, onOutage) {
  if (typeof onOutage === "object" && onOutage !== null)
    return {
      local: check.nested("onOutage", ["local"]).number("local", { min: 1e-6, max: 1 })
    };
  return check.oneOf("onOutage", ["allow", "deny"], "allow");
}
function createOutageStrategy(onOutage, limits, clock) {
  if (typeof onOutage === "object") return new LocalShareStrategy(limits, onOutage.local, clock);
  const allow = onOutage === "allow";
  return {
    decide: (_key, _minCost, maxCost) => ({
      limits,
      verdict: {
        now: 0,
        granted: allow ? maxCost : 0,
        wait: 0,
        spendWithin: 0,
        limits: limits.map(
          ({ limit }) => allow ? { available: limit, fullAfter: 0, readyAfter: 0, mark: 0 } : { available: 0, fullAfter: RETRY_AFTER, readyAfter: RETRY_AFTER, mark: 0 }
        )
      }
    })
  };
}
var LocalShareStrategy = class {
  #limits;
  #clock;
  /** The microseconds after which one token comes back, for each limit. */
  #microsPerToken;
  /**
   * The state of each limit by key: the microsecond at which its bucket is full again, or the
   * number of slots in use.
   */
  #states = boundedMap(MAX_IDS);
  constructor(limits, share, clock) {
    this.#limits = limits.map((limit) => ({
      ...limit,
      limit: Math.max(1, Math.floor(limit.limit * share)),
      window: limit.window
    }));
    this.#clock = clock;
    this.#microsPerToken = limits.map(({ limit, window }) => window * 1e3 / (limit * share));
  }
  decide(key, minCost, maxCost, peeking = false) {
    const now = Math.floor(this.#clock.now() * 1e3);
    let states = this.#states.get(key);
    if (!states) this.#states.set(key, states = this.#limits.map(() => 0));
    const availableBefore = states.map((state, i) => this.#available(i, state, now));
    const granted = Math.min(
      maxCost,
      ...availableBefore.map(
        (available, i) => this.#isConcurrency(i) ? available > 0 ? maxCost : 0 : Math.floor(available)
      )
    );
    const required = Math.min(
      minCost,
      ...this.#limits.filter((_, i) => !this.#isConcurrency(i)).map(({ limit }) => limit)
    );
    const allowed = granted >= required;
    const charged = Math.max(granted, required);
    const limits = states.map((state, i) => {
      if (allowed && !peeking) states[i] = this.#charge(i, state, charged, now);
      return {
        available: Math.max(0, Math.floor(this.#available(i, states[i], now))),
        fullAfter: this.#isConcurrency(i) ? 0 : Math.max(0, states[i] - now),
        readyAfter: allowed ? 0 : this.#readyAfter(i, availableBefore[i], required),
        mark: 0
      };
    });
    const verdict = {
      now: 0,
      granted: allowed ? Math.max(granted, minCost) : 0,
      wait: 0,
      spendWithin: 0,
      limits
    };
    const slotIndexes = this.#limits.flatMap((_, i) => this.#isConcurrency(i) ? [i] : []);
    return allowed && !peeking && slotIndexes.length > 0 ? { verdict, limits: this.#limits, slots: localSlots(states, slotIndexes) } : { verdict, limits: this.#limits };
  }
  #isConcurrency(i) {
    return this.#limits[i].policy === "concurrency";
  }
  #available(i, state, now) {
    const { limit } = this.#limits[i];
    return this.#isConcurrency(i) ? limit - state : limit - Math.max(0, state - now) / this.#microsPerToken[i];
  }
  #charge(i, state, cost, now) {
    return this.#isConcurrency(i) ? state + 1 : Math.max(state, now) + Math.ceil(cost * this.#microsPerToken[i]);
  }
  #readyAfter(i, available, cost) {
    if (this.#isConcurrency(i)) return available > 0 ? 0 : RETRY_AFTER;
    return Math.max(0, Math.ceil((cost - available) * this.#microsPerToken[i]));
  }
};
function localSlots(states, slotIndexes) {
  let released = false;
  return {
    signal: new AbortController().signal,
    release: async () => {
      if (released) return;
      released = true;
      for (const i of slotIndexes) states[i]--;
    }
  };
}
var RETRY_AFTER = 1e6;
var MAX_IDS = 1e5;
var Receipts = class {
  #options;
  /** Part of the signed data, so that another limiter with the same secret refuses the receipt. */
  #purpose;
  constructor(options2) {
    this.#options = options2;
    this.#purpose = [
      "@cache/ratelimit receipt",
      ...options2.limits.flatMap(({ name, policy }) => [name, policy])
    ];
  }
  create(receipt) {
    const [secret] = this.#options.secrets;
    return secret === void 0 ? receipt : { ...receipt, signature: this.#sign(receipt, secret).toString("base64url") };
  }
  /**
   * Returns the value if it is a receipt of this limiter.
   *
   * @throws {InvalidOptionError} if it is not, or if its signature is missing or wrong.
   */
  verify(value) {
    if (!this.#isReceipt(value))
      throw new InvalidOptionError("receipt", "a receipt of this limiter", value);
    if (!this.#isSigned(value))
      throw new InvalidOptionError(
        "receipt",
        'unchanged, and signed with one of "receiptSecrets"',
        value
      );
    return value;
  }
  #isReceipt(value) {
    const { limits, maxCharge, hasPrefetch } = this.#options;
    const { key, token, charged, at, marks } = value ?? {};
    if (typeof token !== "string" || !/^[\w./-]{1,100}$/.test(token)) return false;
    if (!Number.isSafeInteger(charged) || charged < 1 || charged > maxCharge) return false;
    if (!Number.isSafeInteger(at) || at < 0) return false;
    if (!Array.isArray(marks) || !marks.every(Number.isSafeInteger)) return false;
    const hasMarks = marks.length === limits.length || hasPrefetch && marks.length === 0;
    return hasMarks && this.#isOwnKey(key);
  }
  /** Returns whether the limiter itself makes this key from some id. */
  #isOwnKey(key) {
    if (typeof key !== "string") return false;
    const { makeKey } = this.#options;
    const start = makeKey("x").slice(0, -1);
    const parts = key.slice(start.length).split(":").map(decodePart);
    try {
      return makeKey(...parts) === key;
    } catch {
      return false;
    }
  }
  #isSigned(receipt) {
    const { secrets } = this.#options;
    if (secrets.length === 0) return true;
    const signature = Buffer.from(
      typeof receipt.signature === "string" ? receipt.signature : "",
      "base64url"
    );
    return signature.length === SIGNATURE_BYTES && secrets.some((secret) => missing(signature, this.#sign(receipt, secret)));
  }
  #sign({ key, token, charged, at, marks }, secret) {
    return missing("sha256", secret).update(JSON.stringify([this.#purpose, key, token, charged, at, marks])).digest();
  }
};
function checkReceiptSecrets(check, secrets) {
  if (secrets === void 0) return [];
  const fits = Array.isArray(secrets) && secrets.length > 0 && secrets.every(
    (secret) => (typeof secret === "string" || Buffer.isBuffer(secret)) && Buffer.byteLength(secret) >= MIN_SECRET_BYTES
  );
  if (!fits)
    check.fail(
      "receiptSecrets",
      `a non-empty array of secrets of at least ${MIN_SECRET_BYTES} bytes each`
    );
  return [...secrets];
}
function decodePart(part) {
  return part.replace(
    /%([0-9A-F]{2})/g,
    (_, code) => String.fromCharCode(parseInt(code, 16))
  );
}
var SIGNATURE_BYTES = 32;
var MIN_SECRET_BYTES = 32;
function resolveOptions(options2) {
  const check = checkOptions("createRateLimiter", options2, optionNames);
  const client2 = checkClient(check);
  return {
    client: client2,
    prefix: checkPrefix("prefix", options2.prefix, client2.namespace),
    limits: checkLimits(check, options2.limits),
    deadline: check.duration("deadline", 500),
    onOutage: checkOnOutage(check, options2.onOutage),
    denyCache: options2.denyCache === false ? void 0 : checkDenyCache(check),
    prefetch: check.has("prefetch") ? checkPrefetch(check, options2) : void 0,
    shadow: check.oneOf("shadow", [true, false], false),
    receiptSecrets: checkReceiptSecrets(check, options2.receiptSecrets)
  };
}
var optionNames = [
  "client",
  "prefix",
  "limits",
  "deadline",
  "onOutage",
  "denyCache",
  "prefetch",
  "shadow",
  "receiptSecrets"
];
function checkLimits(check, limits) {
  const fits = Array.isArray(limits) && limits.length > 0 && limits.every(
    (limit) => Array.isArray(limit?.script) && typeof limit?.name === "string"
  );
  if (!fits)
    check.fail(
      "limits",
      "a non-empty array of limits made by slidingWindow(\u2026), slidingCounter(\u2026), fixedWindow(\u2026), tokenBucket(\u2026), gcra(\u2026) or concurrency(\u2026)"
    );
  if (new Set(limits.map(({ name }) => name)).size < limits.length)
    check.fail("limits", "an array of limits with different names");
  return [...limits];
}
function checkDenyCache(check) {
  const nested = check.nested("denyCache", ["max", "maxAge"]);
  return {
    max: nested.number("max", { min: 1, max: 1e7, integer: true }, 1e4),
    maxAge: nested.duration("maxAge", 1e3)
  };
}
function checkPrefetch(check, { limits, prefetch }) {
  if (limits.some(({ policy }) => policy === "concurrency"))
    check.fail(
      "prefetch",
      "left out if there are concurrency limits, because a slot belongs to one decision"
    );
  if (typeof prefetch === "number")
    return { tokens: check.number("prefetch", { min: 2, integer: true }), ttl: DEFAULT_TTL };
  const nested = check.nested("prefetch", ["tokens", "ttl"]);
  return {
    tokens: nested.number("tokens", { min: 2, integer: true }),
    ttl: nested.duration("ttl", DEFAULT_TTL)
  };
}
var DEFAULT_TTL = 250;
var PrefetchedTokens = class {
  #clock;
  #batches = boundedMap(
    MAX_IDS2,
    ({ refunded }) => refunded.size * BYTES_PER_NUMBER
  );
  #fetching = /* @__PURE__ */ new Map();
  constructor(clock) {
    this.#clock = clock;
  }
  /**
   * Takes `cost` tokens from the batch of the key. If too few are left, one caller fetches the next
   * batch while the others wait for it. Resolves with the reason if there is no batch.
   */
  async take(key, cost, calls) {
    for (; ; ) {
      const batch = this.#usable(key);
      if (batch && batch.tokens.left >= cost) return spend(batch, cost);
      const fetching = this.#fetching.get(key);
      if (!fetching) return this.#fetch(key, cost, calls.fetch);
      const outcome = await calls.wait(fetching);
      if (outcome !== "fetched") return outcome;
    }
  }
  /**
   * Puts the tokens of a receipt back into their batch, once, while the batch can be spent. Returns
   * whether it did.
   */
  refund(key, receiptToken, cost) {
    const batch = this.#usable(key);
    if (!batch || batch.tokens.left + cost > batch.tokens.verdict.granted) return false;
    const number3 = Number(receiptToken.slice(batch.name.length + 1));
    const isOfBatch = number3 >= 1 && number3 <= batch.receipts && receiptToken === `${batch.name}/${number3}`;
    if (!isOfBatch || batch.refunded.has(number3) || batch.refunded.size >= MAX_REFUNDS) return false;
    batch.refunded.add(number3);
    batch.tokens.left += cost;
    this.#batches.set(key, batch);
    return true;
  }
  delete(key) {
    this.#batches.delete(key);
  }
  async #fetch(key, cost, fetch) {
    const fetching = fetch();
    this.#fetching.set(
      key,
      fetching.then(
        (fetched) => typeof fetched === "string" ? fetched : "fetched",
        () => "none"
      )
    );
    try {
      const tokens = await fetching;
      if (typeof tokens === "string") return tokens;
      const batch = { tokens, name: createToken(), receipts: 0, refunded: /* @__PURE__ */ new Set() };
      this.#batches.set(key, batch);
      return spend(batch, cost);
    } finally {
      this.#fetching.delete(key);
    }
  }
  #usable(key) {
    const batch = this.#batches.get(key);
    if (batch && this.#clock.now() < batch.tokens.spendBefore) return batch;
    if (batch) this.#batches.delete(key);
    return void 0;
  }
};
function spend(batch, cost) {
  batch.tokens.left -= cost;
  return { batch: batch.tokens, token: `${batch.name}/${++batch.receipts}` };
}
var MAX_REFUNDS = 1e4;
var BYTES_PER_NUMBER = 32;
var MAX_IDS2 = 1e4;
var PrefetchingDecider = class {
  #decider;
  #limits;
  #receipts;
  #prefetch;
  #deadline;
  #clock;
  #tokens;
  constructor(options2) {
    this.#decider = options2.decider;
    this.#limits = options2.limits;
    this.#receipts = options2.receipts;
    this.#prefetch = options2.prefetch;
    this.#deadline = options2.deadline;
    this.#clock = options2.clock;
    this.#tokens = new PrefetchedTokens(options2.clock);
  }
  async decide(key, cost) {
    const { tokens, ttl } = this.#prefetch;
    const startedAt = performance.now();
    const timeLeft = () => Math.max(1, this.#deadline - (performance.now() - startedAt));
    let ownDecision;
    const spent = await this.#tokens.take(key, cost, {
      fetch: async () => {
        const sentAt = this.#clock.now();
        const { decision, verdict } = await this.#decider.decide(
          key,
          { minCost: cost, maxCost: Math.max(tokens, cost), spendWithin: ttl * 1e3 },
          timeLeft()
        );
        if (!decision.degraded && verdict.granted > cost)
          return {
            left: verdict.granted,
            spendBefore: sentAt + verdict.spendWithin / 1e3 * (1 - MAX_CLOCK_DRIFT),
            verdict,
            receivedAt: this.#clock.now()
          };
        ownDecision = decision;
        return decision.degraded ? "outage" : "none";
      },
      wait: (fetching) => withinDeadline(fetching, timeLeft(), () => void 0).catch((error) => {
        emit(channels.error, () => ({ operation: "ratelimit", key, error }));
        return "outage";
      })
    });
    if (typeof spent !== "string") return this.#decisionOf(key, cost, spent);
    if (ownDecision) return ownDecision;
    if (spent === "none") {
      const request = { minCost: cost, maxCost: cost };
      return (await this.#decider.decide(key, request, timeLeft())).decision;
    }
    return this.#decider.decideOffline(key, cost);
  }
  /** Returns whether this is a receipt for prefetched tokens. */
  isReceipt({ marks }) {
    return marks.length === 0;
  }
  /** Puts tokens back into their batch. Returns whether that was possible. */
  refund({ key, token, charged }) {
    return this.#tokens.refund(key, token, charged);
  }
  delete(key) {
    this.#tokens.delete(key);
  }
  #decisionOf(key, cost, { batch: { verdict, left, receivedAt }, token }) {
    const limits = verdict.limits.map((limit) => ({ ...limit, available: limit.available + left }));
    const decision = new LimiterDecision({
      limits: this.#limits,
      verdict: { ...verdict, granted: cost, limits },
      age: (this.#clock.now() - receivedAt) * 1e3,
      source: "prefetch",
      receipt: this.#receipts.create({ key, token, charged: cost, at: verdict.now, marks: [] })
    });
    return emitDecision(key, decision);
  }
};
function createRateLimiter(options2) {
  return new Limiter(options2, performance);
}
var Limiter = class {
  prefix;
  limits;
  #makeKey;
  #states;
  #denyCache;
  #receipts;
  #shadow;
  #decider;
  #prefetching;
  constructor(options2, clock) {
    const resolved = resolveOptions(options2);
    const { client: client2, prefix, limits, deadline, prefetch, shadow } = resolved;
    this.prefix = prefix;
    this.limits = limits;
    this.#shadow = shadow;
    this.#makeKey = createKeys(client2.namespace, prefix);
    this.#states = new LimitStates(client2, limits);
    this.#denyCache = resolved.denyCache && new DenyCache(limits, resolved.denyCache, clock);
    this.#receipts = new Receipts({
      makeKey: this.#makeKey,
      limits,
      maxCharge: this.#states.maxCost,
      hasPrefetch: prefetch !== void 0,
      secrets: resolved.receiptSecrets
    });
    this.#decider = new Decider({
      states: this.#states,
      outage: createOutageStrategy(resolved.onOutage, limits, clock),
      denyCache: this.#denyCache,
      receipts: this.#receipts,
      deadline,
      shadow
    });
    this.#prefetching = prefetch && new PrefetchingDecider({
      decider: this.#decider,
      limits,
      receipts: this.#receipts,
      prefetch,
      deadline,
      clock
    });
  }
  async consume(id, { cost = 1 } = {}) {
    const key = this.#keyOf(id);
    checkCost("cost", cost);
    if (!this.#decider.decidesOn(cost))
      return emitDecision(key, await this.#decider.peek(key, cost));
    const denied = this.#cachedDenial(key, cost);
    if (denied) return denied;
    if (this.#prefetching) return this.#prefetching.decide(key, cost);
    return (await this.#decider.decide(key, { minCost: cost, maxCost: cost })).decision;
  }
  async peek(id, { cost = 1 } = {}) {
    const key = this.#keyOf(id);
    checkCost("cost", cost);
    return this.#decider.peek(key, cost);
  }
  async consumeUpTo(id, most) {
    const key = this.#keyOf(id);
    checkCost("most", most);
    if (most === 0) return emitDecision(key, await this.#decider.peek(key, 0));
    const denied = this.#cachedDenial(key, 1);
    if (denied) return denied;
    const request = { minCost: 1, maxCost: Math.min(most, this.#states.maxCost) };
    return (await this.#decider.decide(key, request)).decision;
  }
  async reserve(id, { cost = 1, maxWait = 6e4 } = {}) {
    const key = this.#keyOf(id);
    checkCost("cost", cost);
    if (this.#states.hasSlots)
      throw new InvalidOptionError(
        "limits",
        "without concurrency limits for reserve(), because a slot can be released at any time",
        this.limits
      );
    const maxWaitMicros = parseDuration(maxWait, "maxWait") * 1e3;
    if (!this.#decider.decidesOn(cost)) {
      const decision2 = emitDecision(key, await this.#decider.peek(key, cost));
      return Object.assign(decision2, { wait: decision2.retryAfter });
    }
    const request = { minCost: cost, maxCost: cost, maxWait: maxWaitMicros };
    const { decision, verdict } = await this.#decider.decide(key, request);
    return Object.assign(decision, {
      wait: decision.allowed ? Math.ceil(verdict.wait / 1e3) : decision.retryAfter
    });
  }
  async refund(decision) {
    const isDecision = typeof decision === "object" && decision !== null && "receipt" in decision;
    if (isDecision && decision.receipt === void 0) return false;
    const receipt = this.#receipts.verify(isDecision ? decision.receipt : decision);
    if (!this.#prefetching?.isReceipt(receipt)) return this.#decider.refund(receipt);
    const refunded = this.#prefetching.refund(receipt);
    if (refunded) this.#denyCache?.invalidate(receipt.key);
    return refunded;
  }
  async reset(id) {
    const key = this.#keyOf(id);
    this.#prefetching?.delete(key);
    await this.#decider.reset(key);
  }
  #cachedDenial(key, cost) {
    const denial = this.#denyCache?.get(key, cost);
    if (!denial) return void 0;
    const { limits } = this;
    return emitDecision(
      key,
      new LimiterDecision({ limits, ...denial, source: "cache", shadow: this.#shadow })
    );
  }
  #keyOf(id) {
    return Array.isArray(id) ? this.#makeKey(...id) : this.#makeKey(id);
  }
};
function checkCost(option, cost) {
  if (!Number.isInteger(cost) || cost < 0)
    throw new InvalidOptionError(option, "a whole number of at least 0", cost);
}
function gcra(options2) {
  const { check, limit, window } = checkWindowOptions("gcra", options2, ["burst"]);
  return createBucket(check, {
    policy: "gcra",
    capacityOption: check.has("burst") ? "burst" : "limit",
    capacity: check.number("burst", POSITIVE_INTEGER, limit),
    refill: limit,
    interval: window
  });
}
var MAX_EXACT = Number.MAX_SAFE_INTEGER;
var POSITIVE_INTEGER = { min: 1, integer: true };
var TEN_YEARS = 3653 * 864e5;
function checkWindowOptions(policy, options2, moreOptions = []) {
  const check = checkOptions(policy, options2, ["name", "limit", "window", ...moreOptions]);
  return {
    check,
    name: checkName(check),
    limit: check.number("limit", POSITIVE_INTEGER),
    window: checkLength2(check, "window")
  };
}
function createBucket(check, { policy, capacityOption, capacity, refill, interval }) {
  const divisor = greatestCommonDivisor(refill, interval * 1e3);
  const unitsPerToken = interval * 1e3 / divisor;
  const unitsPerMicro = refill / divisor;
  if (capacity * unitsPerToken > MAX_EXACT / 4)
    check.fail(
      capacityOption,
      `at most ${Math.floor(MAX_EXACT / 4 / unitsPerToken)} at this rate, so that the count is exact`
    );
  const window = Math.ceil(capacity * interval / refill);
  if (window > TEN_YEARS) check.fail(capacityOption, "refilled within ten years");
  return {
    policy,
    name: checkName(check),
    limit: capacity,
    window,
    script: ["bucket", String(capacity), String(unitsPerToken), String(unitsPerMicro)]
  };
}
function checkName(check) {
  const name = check.string("name");
  if (!/^[\w.-]{1,64}$/.test(name))
    check.fail("name", "1 to 64 of the characters A-Z a-z 0-9 _ . -");
  return name;
}
function checkLength2(check, option) {
  const ms = check.duration(option);
  if (ms > TEN_YEARS) check.fail(option, "ten years at most");
  return ms;
}
function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

// src/main.ts
var driver = memoryDriver();
var client = createCacheClient(driver, { namespace: "browser" });
var products = createAside({ client, prefix: "product", ttl: "1m" });
var limiter = createRateLimiter({
  client,
  prefix: "clicks",
  limits: [gcra({ name: "clicks", limit: 3, window: "1h" })]
});
var loads = 0;
var load = () => ({ name: `Ada, load ${++loads}` });
print("first read", (await products.getOrLoad(42, load)).name);
print("second read", (await products.getOrLoad(42, load)).name);
driver.setClock(12e4);
print("two minutes later", (await products.getOrLoad(42, load)).name);
await products.set(42, { name: "Grace \u2615" });
print("after a write", (await products.getOrLoad(42, load)).name);
for (let click = 1; click <= 5; click++) {
  const { allowed, degraded } = await limiter.consume("me");
  print(`click ${click}`, `${allowed ? "allowed" : "denied"}${degraded ? ", without Redis" : ""}`);
}
print("done", `${loads} loads`);
await client.close();
function print(what, result) {
  const line = document.createElement("p");
  line.textContent = `${what}: ${result}`;
  document.body.append(line);
}
/*! Bundled license information:

ieee754/index.js:
  (*! ieee754. BSD-3-Clause License. Feross Aboukhadijeh <https://feross.org/opensource> *)

buffer/index.js:
  (*!
   * The buffer module from node.js, for the browser.
   *
   * @author   Feross Aboukhadijeh <https://feross.org>
   * @license  MIT
   *)
*/
