/**
 * Kinds of smart-home device, told by words of the product name, with what one of them typically weighs,
 * measures and costs. The source lists no such numbers; these are estimates by eye, good for a demo only.
 */
export interface Kind {
  readonly category: string;
  readonly words: RegExp;
  readonly weightGrams: number;
  /** Length, width, height. */
  readonly sizeMm: readonly [number, number, number];
  /** In euro cents. */
  readonly priceMinor: number;
}

function kind(
  category: string,
  words: RegExp,
  weightGrams: number,
  sizeMm: readonly [number, number, number],
  priceMinor: number,
): Kind {
  return { category, words, weightGrams, sizeMm, priceMinor };
}

/** The first kind whose words match wins, so the more telling word stands further up. */
const kinds: readonly Kind[] = [
  kind('siren', /\b(siren|alarm|doorbell|chime|sounder|buzzer)/i, 180, [95, 95, 45], 4490),
  kind('smoke-detector', /\b(smoke|carbon monoxide|gas|heat detector|fire)\b/i, 190, [110, 110, 45], 4990),
  kind(
    'lock',
    /\b(lock|deadbolt|deadbolts|touchscreen deadbolt|latch|lever|assure|centura|nextouch)/i,
    1100,
    [160, 75, 65],
    17900,
  ),
  kind('keypad', /\b(keypad|key fob|keyfob|rfid|fingerprint)/i, 160, [120, 80, 22], 5990),
  kind(
    'thermostat',
    /\b(thermostat|thermostatic|radiator|trv|heating|heater|hvac|climate|boiler|ac control)/i,
    240,
    [90, 90, 45],
    6990,
  ),
  kind('valve', /\b(valve|irrigation|sprinkler|water shut|watering|faucet|tap)\b/i, 520, [130, 90, 80], 6490),
  kind(
    'cover',
    /\b(curtain|blind|blinds|shade|shades|shutter|roller|cover|awning|venetian|garage|gate opener|window opener|screen motor|tubular motor)/i,
    640,
    [310, 60, 60],
    8990,
  ),
  kind(
    'sensor',
    /\b(sensor|sensors|multisensor|motion|pir|presence|radar|mmwave|contact|leak|leakage|flood sensor|temperature|humidity|vibration|illuminance|lux|occupancy|soil|moisture|air quality|co2|detector|weather|monitor\b(?!ing)|station)/i,
    60,
    [60, 45, 20],
    2490,
  ),
  kind(
    'plug',
    /\b(plug|plugs|outlet|socket|power strip|power point|receptacle|gpo)/i,
    120,
    [80, 55, 55],
    2290,
  ),
  kind(
    'remote',
    /\b(remote|button|buttons|scene|wireless switch|handheld|knob|rotary|transmitter|pushbutton|push button|controller 4|cube|tap dial|clicker)/i,
    55,
    [95, 45, 16],
    2190,
  ),
  kind(
    'meter',
    /\b((?<!\d )meter|metering|clamp|energy monitor|power monitor|circuit breaker|breaker|din rail|din)\b/i,
    170,
    [90, 65, 36],
    5490,
  ),
  kind(
    'fan',
    /\b(fan|ventilation|ventilator|purifier|air conditioner|dehumidifier)/i,
    420,
    [140, 100, 60],
    7990,
  ),
  kind('switch', /\b(light switch|wall switch|wall light switch|relay switch)/i, 85, [86, 86, 38], 2990),
  kind(
    'light',
    /\b(light|lights|bulb|bulbs|lamp|led|hue|spot|spots|spotlight|downlight|lightstrip|strip|gu10|gu5|e27|e26|e14|b22|filament|candle|globe|floodlight|pendant|ceiling|ambiance|luminaire|lightify|rgb|rgbw|cct|panel|lm|chandelier|par38|par16|tubular|perifo|edison)/i,
    110,
    [110, 62, 62],
    2790,
  ),
  kind('dimmer', /\b(dimmer|dimming|dim\b|dimmable)/i, 75, [48, 48, 24], 4590),
  kind(
    'switch',
    /\b(switch|switches|gang|gangs|relay|rocker|paddle|toggle|on\/off|actuator|wall)/i,
    85,
    [86, 86, 38],
    2990,
  ),
  kind(
    'gateway',
    /\b(gateway|hub|bridge|coordinator|router|repeater|extender|range|dongle|usb|adapter|stick|controller|interface|home center)/i,
    95,
    [90, 60, 20],
    4990,
  ),
  kind(
    'module',
    /\b(module|driver|motor|input|output|ballast|converter|circuit|micro|io|in-wall|flush|insert|transformer|dry contact|pump)/i,
    50,
    [45, 40, 20],
    3490,
  ),
];

const otherKind = kind('accessory', /^/, 100, [80, 60, 30], 2990);

export function kindOf(name: string): Kind {
  return kinds.find(({ words }) => words.test(name)) ?? otherKind;
}
