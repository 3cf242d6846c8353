/** A bid of the auction stream, with public fields and an empty constructor so that Flink takes it as a POJO. */
public final class Bid {
  public long auction;
  public long bidder;
  public long price;
  public String channel;
  public String url;
  public long dateTime;
  public String extra;
}
