import com.fasterxml.jackson.annotation.JsonIgnoreProperties;

/** The two fields of a bid that the job needs; Jackson skips the others. */
@JsonIgnoreProperties(ignoreUnknown = true)
public final class BidKey {
  public long auction;
  public long dateTime;
}
