import java.util.Locale;

/** The stream of bids as a function of a bid's number: the same as bench/jobs/bids.ts, field by field. */
public final class Bids {
  public static final long BASE_MS = 1_700_000_000_000L;
  private static final String[] CHANNELS = {"apple", "google", "facebook", "baidu"};
  private static final String[] URLS = new String[16];
  private static final String[] EXTRAS = new String[16];

  static {
    for (int i = 0; i < 16; i++) {
      URLS[i] = "https://auctions.example/items/item.htm?query=" + i;
      EXTRAS[i] = "extra text of a bid that a job seldom reads " + i;
    }
  }

  private Bids() {}

  static int mix(int number) {
    int x = number;
    x ^= x >>> 16;
    x *= 0x7feb352d;
    x ^= x >>> 15;
    x *= 0x846ca68b;
    x ^= x >>> 16;
    return x;
  }

  /** @param dateTime the event time, milliseconds since the epoch */
  public static void fill(Bid bid, int number, int auctions, long dateTime) {
    int hash = mix(number);
    bid.auction = Integer.remainderUnsigned(hash, auctions);
    bid.bidder = 1_000 + (hash >>> 7) % 10_000;
    bid.price = 100 + (hash >>> 3) % 10_000;
    bid.channel = CHANNELS[hash & 3];
    bid.url = URLS[(hash >>> 2) & 15];
    bid.dateTime = dateTime;
    bid.extra = EXTRAS[(hash >>> 6) & 15];
  }

  public static String json(Bid bid) {
    return "{\"auction\":" + bid.auction + ",\"bidder\":" + bid.bidder + ",\"price\":" + bid.price + ",\"channel\":\"" + bid.channel
        + "\",\"url\":\"" + bid.url + "\",\"dateTime\":" + bid.dateTime + ",\"extra\":\"" + bid.extra + "\"}";
  }

  static double processCpuSeconds() {
    var system = (com.sun.management.OperatingSystemMXBean) java.lang.management.ManagementFactory.getOperatingSystemMXBean();
    return system.getProcessCpuTime() / 1e9;
  }

  static String report(long events, double cpuSeconds, double wallSeconds, String checksum) {
    return String.format(Locale.ROOT, "{\"events\":%d,\"cpuSeconds\":%.3f,\"wallSeconds\":%.3f,\"checksum\":\"%s\"}",
        events, cpuSeconds, wallSeconds, checksum);
  }
}
